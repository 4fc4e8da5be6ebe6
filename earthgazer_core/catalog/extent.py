"""Whether a STAC collection can hold what a search wants, by the extent that it states."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import InvalidInputError


def may_hold(document: Mapping[str, Any], bbox: BBox, start: datetime | None, end: datetime | None) -> bool:
    """Whether a catalogue or collection may lead to items in ``bbox`` and [start, end].

    Yes where it states no extent, or one that can't be read.
    """
    try:
        extent = document["extent"]
        west, south, east, north = _corners(extent["spatial"]["bbox"][0])
        first, last = extent["temporal"]["interval"][0]
        is_near = south < bbox.north and bbox.south < north
        if (west, east) != (-180, 180) and is_near:
            is_near = BBox(west, south, east, north).intersects(bbox)
        return (
            is_near
            and (first is None or end is None or _time(first) <= end)
            and (last is None or start is None or _time(last) >= start)
        )
    except (LookupError, TypeError, ValueError, OverflowError, InvalidInputError):
        return True


def _corners(values: list[float]) -> tuple[float, float, float, float]:
    half = len(values) // 2
    return (values[0], values[1], values[half], values[half + 1])


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
