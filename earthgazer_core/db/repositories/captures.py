"""Captures and their assets: take up, find, and tell which version of an acquisition is the newest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, selectinload

from earthgazer_core.db.repositories import footprints
from earthgazer_core.db.tables import AssetRow, CaptureLocationRow, CaptureRow
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import ConflictError, NotFoundError


def add(session: Session, capture: Capture) -> CaptureRow:
    """Return a capture that was not known before.

    Raises:
        ConflictError: its mission and product id are known already.
    """
    row, is_new = upsert(session, capture)
    if not is_new:
        raise ConflictError(
            f"{capture.mission} {capture.product_id} exists already as capture {row.id};"
            " give another --product-id if it is another acquisition"
        )
    return row


def upsert(session: Session, capture: Capture) -> tuple[CaptureRow, bool]:
    """Return the row of a capture and whether it is new; idempotent on mission and product id.

    A capture that is known keeps its assets; bands that it did not have yet are added, and what the
    catalogue now says of its clouds is taken over. Locations are linked by the footprint.
    """
    new_id = session.scalar(
        insert(CaptureRow)
        .values(_values(capture))
        .on_conflict_do_nothing(index_elements=["mission", "product_id"])
        .returning(CaptureRow.id)
    )
    known = select(CaptureRow.id).where(
        CaptureRow.mission == capture.mission, CaptureRow.product_id == capture.product_id
    )
    capture_id = new_id if new_id is not None else session.scalars(known).one()
    if capture.assets:
        session.execute(
            insert(AssetRow)
            .values([
                {
                    "capture_id": capture_id, "band": asset.band, "href": asset.href,
                    "scale": asset.scale, "offset": asset.offset, "nodata": asset.nodata,
                    "promised_sha256": asset.sha256, "promised_size_bytes": asset.size_bytes,
                }
                for asset in capture.assets
            ])
            .on_conflict_do_nothing(index_elements=["capture_id", "band"])
        )  # fmt: skip
    row = get(session, capture_id)
    if new_id is None and capture.cloud_cover_percent is not None:
        row.cloud_cover_percent = capture.cloud_cover_percent
    footprints.link_capture(session, row)
    _settle_versions(session, row)
    return row, new_id is not None


def get(session: Session, capture_id: int) -> CaptureRow:
    """Return a capture with its assets.

    Raises:
        NotFoundError: there is none.
    """
    row = session.scalar(
        select(CaptureRow).where(CaptureRow.id == capture_id).options(selectinload(CaptureRow.assets))
    )
    if row is None:
        raise NotFoundError(f"no capture {capture_id}; `earthgazer captures list` shows those that exist")
    return row


def find(
    session: Session,
    *,
    ids: Sequence[int] | None = None,
    location_id: int | None = None,
    mission: str | None = None,
    held_only: bool = False,
    newest_versions_only: bool = False,
    limit: int | None = None,
) -> list[CaptureRow]:
    """Return captures with their assets, newest acquisition first.

    With ``held_only`` those that were backed up, and those whose files lie on this machine anyway.

    Raises:
        NotFoundError: an id that was named does not exist.
    """
    query = (
        select(CaptureRow)
        .options(selectinload(CaptureRow.assets))
        .order_by(CaptureRow.sensing_time.desc(), CaptureRow.id.desc())
    )
    if ids is not None:
        query = query.where(CaptureRow.id.in_(ids))
    if location_id is not None:
        query = query.join(CaptureLocationRow).where(CaptureLocationRow.location_id == location_id)
    if mission is not None:
        query = query.where(CaptureRow.mission == mission)
    if held_only:
        query = query.where(or_(CaptureRow.backed_up_at.is_not(None), CaptureRow.source == "files"))
    if newest_versions_only:
        query = query.where(CaptureRow.superseded_by.is_(None))
    if limit is not None:
        query = query.limit(limit)
    rows = list(session.scalars(query))
    if ids is not None and limit is None and (missing := sorted(set(ids) - {row.id for row in rows})):
        raise NotFoundError(f"no capture {', '.join(str(number) for number in missing)}")
    return rows


def location_ids(session: Session, capture_id: int) -> list[int]:
    """Return the locations that a capture shows."""
    return list(
        session.scalars(
            select(CaptureLocationRow.location_id)
            .where(CaptureLocationRow.capture_id == capture_id)
            .order_by(CaptureLocationRow.location_id)
        )
    )


def mark_downloaded(session: Session, capture_id: int, at: datetime) -> None:
    """Keep when local copies of a capture's bands were last complete and verified."""
    session.execute(update(CaptureRow).where(CaptureRow.id == capture_id).values(downloaded_at=at))


def mark_backed_up(session: Session, capture_id: int, at: datetime) -> None:
    """Keep that every asset of a capture has a verified backup."""
    session.execute(update(CaptureRow).where(CaptureRow.id == capture_id).values(backed_up_at=at))


def _settle_versions(session: Session, row: CaptureRow) -> None:
    """Let the highest baseline of one acquisition supersede the others."""
    if row.mgrs_tile is None or row.processing_baseline is None:
        return
    versions = list(
        session.scalars(
            select(CaptureRow)
            .where(
                CaptureRow.mission == row.mission,
                CaptureRow.level == row.level,
                CaptureRow.mgrs_tile == row.mgrs_tile,
                CaptureRow.sensing_time == row.sensing_time,
                CaptureRow.processing_baseline.is_not(None),
            )
            .with_for_update()
        )
    )
    newest = max(versions, key=lambda version: (_baseline(version), version.id))
    for version in versions:
        version.superseded_by = newest.id if _baseline(version) < _baseline(newest) else None
    session.flush()


def _baseline(row: CaptureRow) -> tuple[int, ...]:
    return tuple(int(part) for part in (row.processing_baseline or "0").split(".") if part.isdigit())


def _values(capture: Capture) -> dict[str, object]:
    box = capture.bbox
    return {
        "mission": capture.mission,
        "product_id": capture.product_id,
        "sensing_time": capture.sensing_time,
        "level": capture.level,
        "reference_level": capture.reference_level,
        "processing_baseline": capture.processing_baseline,
        "cloud_cover_percent": capture.cloud_cover_percent,
        "west": box.west if box else None,
        "south": box.south if box else None,
        "east": box.east if box else None,
        "north": box.north if box else None,
        "mgrs_tile": capture.mgrs_tile,
        "wrs_path": capture.wrs_path,
        "wrs_row": capture.wrs_row,
        "source": capture.source,
        "collection": capture.collection,
        "offset_already_applied": capture.offset_already_applied,
        "is_simulated": capture.is_simulated,
        "mask_policy": capture.mask_policy,
        "metadata_": dict(capture.metadata),
    }
