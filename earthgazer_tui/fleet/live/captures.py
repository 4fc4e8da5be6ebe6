"""Captures as a list, from the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, cast, exists, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import (
    ArtifactRow,
    CaptureLocationRow,
    LocationRow,
    TaskExecutionRow,
)
from earthgazer_core.db.tables import CaptureRow as CaptureTable
from earthgazer_core.domain.artifact import ArtifactKind, Stage
from earthgazer_tui.fleet.live import filters, sanitise
from earthgazer_tui.fleet.live.stages import Execution, Made, activity_of, stages_of
from earthgazer_tui.fleet.models import CaptureRow

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def list_captures(
    session: Session, text: str = "", limit: int = 500, capture_ids: Sequence[int] | None = None
) -> tuple[CaptureRow, ...]:
    """Return captures that match, newest acquisition first."""
    query = (
        select(CaptureTable).order_by(CaptureTable.sensing_time.desc(), CaptureTable.id.desc()).limit(limit)
    )
    if capture_ids is not None:
        query = query.where(CaptureTable.id.in_(capture_ids))
    condition = filters.where(text, _words, _FIELDS)
    if condition is not None:
        query = query.where(condition)
    rows = session.scalars(query).all()
    ids = [row.id for row in rows]
    places = _places(session, ids)
    artifacts = _artifacts(session, ids)
    executions = _executions(session, ids)
    return tuple(
        _row(row, places.get(row.id, ()), artifacts.get(row.id, {}), executions.get(row.id, {}))
        for row in rows
    )


def _row(
    row: CaptureTable,
    places: Sequence[str],
    artifacts: dict[str, Any],
    executions: dict[str, Execution],
) -> CaptureRow:
    reached = {
        Stage.BACKED_UP: row.backed_up_at,
        Stage.DOWNLOADED: row.downloaded_at,
        Stage.STACKED: _made_at(artifacts, ArtifactKind.STACKED),
        Stage.NDVI: _made_at(artifacts, ArtifactKind.NDVI),
        Stage.RGB: _made_at(artifacts, ArtifactKind.RGB),
    }
    made = Made({stage: at for stage, at in reached.items() if at is not None})
    stages = stages_of(made, executions)
    ndvi = artifacts.get(ArtifactKind.NDVI)
    outcome = ndvi.outcome if ndvi is not None else ""
    if any(stage.state == "failed" for stage in stages):
        outcome = "failed"
    elif ndvi is None and row.superseded_by is not None:
        outcome = "superseded"
    return CaptureRow(
        capture_id=row.id,
        locations=tuple(places),
        mission=sanitise.name(row.mission),
        product_id=sanitise.name(row.product_id),
        sensing_time=row.sensing_time,
        cloud_cover_percent=row.cloud_cover_percent,
        stages=stages,
        activity=activity_of(stages),
        ndvi_mean=ndvi.mean if ndvi is not None else None,
        valid_percent=100.0 * ndvi.valid / ndvi.total if ndvi is not None and ndvi.total else None,
        outcome=outcome,
        is_simulated=row.is_simulated,
    )


def _made_at(artifacts: dict[str, Any], kind: str) -> datetime | None:
    found = artifacts.get(kind)
    return found.created_at if found is not None else None


def _places(session: Session, ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    query = (
        select(CaptureLocationRow.capture_id, LocationRow.name)
        .join(LocationRow, LocationRow.id == CaptureLocationRow.location_id)
        .where(CaptureLocationRow.capture_id.in_(ids))
        .order_by(LocationRow.name)
    )
    for capture_id, name in session.execute(query):
        found.setdefault(capture_id, []).append(sanitise.name(name))
    return found


def _artifacts(session: Session, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the newest artifact of each kind without what is heavy: preview and histogram."""
    statistics = ArtifactRow.statistics
    query = (
        select(
            ArtifactRow.capture_id,
            ArtifactRow.kind,
            ArtifactRow.outcome,
            ArtifactRow.created_at,
            statistics["mean"].as_float().label("mean"),
            statistics["valid"].as_integer().label("valid"),
            statistics["total"].as_integer().label("total"),
        )
        .ext(distinct_on(ArtifactRow.capture_id, ArtifactRow.kind))
        .where(ArtifactRow.capture_id.in_(ids))
        .order_by(
            ArtifactRow.capture_id, ArtifactRow.kind, ArtifactRow.created_at.desc(), ArtifactRow.id.desc()
        )
    )
    found: dict[int, dict[str, Any]] = {}
    for row in session.execute(query):
        found.setdefault(row.capture_id, {})[row.kind] = row
    return found


def _executions(session: Session, ids: Sequence[int]) -> dict[int, dict[str, Execution]]:
    table = TaskExecutionRow
    query = (
        select(
            table.capture_id,
            table.name,
            table.state,
            table.updated_at,
            table.percent,
            table.dismissed_at,
            (func.jsonb_typeof(table.result) == "object").label("is_object"),
            table.result["skipped"].as_string().label("skipped"),
        )
        .ext(distinct_on(table.capture_id, table.name))
        .where(table.capture_id.in_(ids))
        .order_by(table.capture_id, table.name, table.sent_at.desc().nulls_last(), table.updated_at.desc())
    )
    found: dict[int, dict[str, Execution]] = {}
    for row in session.execute(query):
        found.setdefault(row.capture_id, {})[row.name] = Execution(
            name=row.name,
            state=row.state,
            at=row.updated_at,
            percent=row.percent,
            is_skipped=row.skipped is not None,
            is_dismissed=row.dismissed_at is not None,
        )
    return found


def _at_location(_sign: str, value: str) -> ColumnElement[bool]:
    return exists(
        select(CaptureLocationRow.capture_id)
        .join(LocationRow, LocationRow.id == CaptureLocationRow.location_id)
        .where(
            CaptureLocationRow.capture_id == CaptureTable.id,
            LocationRow.name.icontains(value, autoescape=True),
        )
    )


def _words(sign: str, value: str) -> ColumnElement[bool]:
    texts = filters.contains(
        CaptureTable.mission, CaptureTable.product_id, CaptureTable.mgrs_tile, CaptureTable.collection
    )
    at = func.to_char(func.timezone("UTC", CaptureTable.sensing_time), "YYYY-MM-DD HH24:MI")
    number = cast(CaptureTable.id, String) == value.removeprefix("#")
    return texts(sign, value) | _at_location(sign, value) | at.contains(value, autoescape=True) | number


def _since(_sign: str, value: str) -> ColumnElement[bool]:
    unit = _UNITS.get(value[-1:])
    if unit is not None and value[:-1].isdecimal():
        return CaptureTable.sensing_time >= datetime.now(UTC) - timedelta(**{unit: int(value[:-1])})
    try:
        day = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("a span like 30d, or a date like 2026-11-01, is expected") from None
    return CaptureTable.sensing_time >= (day if day.tzinfo else day.replace(tzinfo=UTC))


_FIELDS: dict[str, filters.Condition] = {
    "id": filters.compares(CaptureTable.id),
    "mission": filters.contains(CaptureTable.mission),
    "product": filters.contains(CaptureTable.product_id),
    "tile": filters.contains(CaptureTable.mgrs_tile),
    "level": filters.contains(CaptureTable.level),
    "source": filters.contains(CaptureTable.source),
    "cloud": filters.compares(CaptureTable.cloud_cover_percent),
    "location": _at_location,
    "since": _since,
}
