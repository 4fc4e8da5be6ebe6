"""Everything about one capture, from the database: never a raster, only what a worker computed of it."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import ArtifactRow, AssetRow, TaskExecutionRow
from earthgazer_core.db.tables import CaptureRow as CaptureTable
from earthgazer_core.domain.artifact import ArtifactKind
from earthgazer_tui.fleet.errors import NotFoundError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.captures import list_captures
from earthgazer_tui.fleet.live.series import series_of_capture
from earthgazer_tui.fleet.live.stages import task_words
from earthgazer_tui.fleet.models import (
    ArtifactSummary,
    AssetSummary,
    CaptureDetail,
    IndexStatistics,
    Preview,
)

_MAX_PREVIEW_PX = 4_000_000
_MAX_METADATA = 60

logger = logging.getLogger(__name__)


def show_capture(session: Session, capture_id: int) -> CaptureDetail:
    """Return everything about one capture.

    Raises:
        NotFoundError: there is none of that id.
    """
    found = list_captures(session, capture_ids=[capture_id])
    if not found:
        raise NotFoundError(f"capture {capture_id} is not there any more")
    row = session.get_one(CaptureTable, capture_id)
    artifacts = session.scalars(
        select(ArtifactRow)
        .where(ArtifactRow.capture_id == capture_id)
        .order_by(ArtifactRow.kind, ArtifactRow.created_at.desc(), ArtifactRow.id.desc())
    ).all()
    newest: dict[str, ArtifactRow] = {}
    for artifact in artifacts:
        newest.setdefault(artifact.kind, artifact)
    ndvi = newest.get(ArtifactKind.NDVI)
    return CaptureDetail(
        row=found[0],
        metadata=tuple(_metadata(row)),
        assets=tuple(_asset(asset) for asset in row.assets),
        artifacts=tuple(_artifact(artifact) for artifact in artifacts),
        statistics=_statistics("ndvi", ndvi.statistics) if ndvi is not None else None,
        previews=tuple(_previews(newest)),
        series=series_of_capture(session, capture_id),
        failures=_failures(session, capture_id),
    )


def _metadata(row: CaptureTable) -> Iterator[tuple[str, str]]:
    bbox = (row.west, row.south, row.east, row.north)
    values: list[tuple[str, object]] = [
        ("mission", row.mission),
        ("product", row.product_id),
        ("sensed", f"{row.sensing_time:%Y-%m-%d %H:%M:%S} UTC"),
        ("level", f"{row.level} ({row.reference_level})"),
        ("baseline", row.processing_baseline),
        ("cloud cover", None if row.cloud_cover_percent is None else f"{row.cloud_cover_percent:.1f} %"),
        ("tile", row.mgrs_tile),
        ("path/row", None if row.wrs_path is None else f"{row.wrs_path}/{row.wrs_row}"),
        ("bbox", None if None in bbox else ", ".join(f"{edge:.4f}" for edge in bbox if edge is not None)),
        ("source", row.source if row.collection is None else f"{row.source} · {row.collection}"),
        ("mask", row.mask_policy),
        ("simulated", "pixels or georeference are made up" if row.is_simulated else None),
        ("superseded by", None if row.superseded_by is None else f"#{row.superseded_by}"),
    ]
    for name, value in values:
        if value is not None:
            yield name, sanitise.line(value)
    for name, value in list(row.metadata_.items())[:_MAX_METADATA]:
        yield sanitise.name(name), sanitise.url(value)


def _asset(asset: AssetRow) -> AssetSummary:
    return AssetSummary(
        band=sanitise.name(asset.band),
        href=sanitise.url(asset.href),
        size_bytes=asset.size_bytes if asset.size_bytes is not None else asset.promised_size_bytes,
        is_backed_up=asset.backed_up_at is not None,
    )


def _artifact(artifact: ArtifactRow) -> ArtifactSummary:
    return ArtifactSummary(
        artifact_id=artifact.id,
        kind=sanitise.name(artifact.kind),
        outcome=sanitise.name(artifact.outcome),
        uri=sanitise.url(artifact.uri),
        size_bytes=artifact.size_bytes,
        shape=(artifact.height, artifact.width),
        crs=sanitise.optional(artifact.crs),
        created_at=artifact.created_at,
    )


def _statistics(index: str, values: Mapping[str, Any] | None) -> IndexStatistics | None:
    if values is None:
        return None
    histogram = values["histogram"]
    return IndexStatistics(
        index=index,
        valid=values["valid"],
        total=values["total"],
        mean=values["mean"],
        std=values["std"],
        min=values["min"],
        max=values["max"],
        p02=values["p02"],
        p50=values["p50"],
        p98=values["p98"],
        below=values["below"],
        above=values["above"],
        edges=tuple(histogram["edges"]),
        counts=tuple(histogram["counts"]),
    )


def _previews(newest: Mapping[str, ArtifactRow]) -> Iterator[Preview]:
    for kind in (ArtifactKind.NDVI, ArtifactKind.RGB):
        artifact = newest.get(kind)
        if (
            artifact is None
            or not artifact.preview
            or not artifact.preview_width
            or not artifact.preview_height
        ):
            continue
        width, height = artifact.preview_width, artifact.preview_height
        n_bytes = width * height * 4
        if width * height > _MAX_PREVIEW_PX:
            logger.warning("preview of artifact %d is too large to be shown", artifact.id)
            continue
        try:
            rgba = zlib.decompressobj().decompress(artifact.preview, n_bytes + 1)
        except zlib.error as error:
            logger.warning("preview of artifact %d can't be read: %s", artifact.id, error)
            continue
        if len(rgba) == n_bytes:
            yield Preview(kind.value, width, height, rgba)


def _failures(session: Session, capture_id: int) -> tuple[str, ...]:
    table = TaskExecutionRow
    query = (
        select(table.name, table.state, table.error_type, table.error_message, table.dismissed_at)
        .ext(distinct_on(table.name))
        .where(table.capture_id == capture_id)
        .order_by(table.name, table.sent_at.desc().nulls_last(), table.updated_at.desc())
    )
    return tuple(
        _failure(row) for row in session.execute(query) if row.state == "FAILURE" and not row.dismissed_at
    )


def _failure(row: Any) -> str:
    lines: Sequence[str] = (row.error_message or "").splitlines() or [""]
    return sanitise.url(f"{task_words(row.name)}: {row.error_type or 'failed'}: {lines[0]}")
