"""Whether a GeoJSON footprint really touches a rectangle; its bounding box promises too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from earthgazer_core.domain.bbox import BBox

_Point = tuple[float, float]


def touches(geometry: object, bbox: BBox) -> bool:
    """Whether a Polygon or MultiPolygon, in lon/lat, shares some area with ``bbox``.

    A footprint that is missing, of another type or unreadable is not held against its item: it touches.
    """
    if not isinstance(geometry, Mapping):
        return True
    try:
        rings = list(_outer_rings(geometry))
    except (TypeError, ValueError, LookupError, OverflowError):
        return True
    if not rings:
        return True
    return any(_shared_area(ring, half) > 0 for ring in rings for half in bbox.split())


def _outer_rings(geometry: Mapping[str, Any]) -> Iterator[list[_Point]]:
    match geometry.get("type"):
        case "Polygon":
            polygons = [geometry["coordinates"]]
        case "MultiPolygon":
            polygons = geometry["coordinates"]
        case _:
            return
    for polygon in polygons:
        ring = [(float(point[0]), float(point[1])) for point in polygon[0]]
        longitudes = [x for x, _ in ring]
        if max(longitudes) - min(longitudes) > 180:
            # Not split at the antimeridian: as two copies, each whole on its side.
            ring = [(x + 360 if x < 0 else x, y) for x, y in ring]
            yield [(x - 360, y) for x, y in ring]
        yield ring


def _shared_area(ring: list[_Point], bbox: BBox) -> float:
    """Return the area of the ring clipped by the rectangle (Sutherland and Hodgman, 1974), square degrees."""
    for axis, limit, sign in (
        (0, bbox.west, 1.0), (0, bbox.east, -1.0), (1, bbox.south, 1.0), (1, bbox.north, -1.0),
    ):  # fmt: skip
        ring = _clipped(ring, axis, limit, sign)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1], strict=True))) / 2


def _clipped(ring: list[_Point], axis: int, limit: float, sign: float) -> list[_Point]:
    kept: list[_Point] = []
    for start, end in zip(ring, ring[1:] + ring[:1], strict=True):
        before, after = sign * (start[axis] - limit), sign * (end[axis] - limit)
        if before >= 0:
            kept.append(start)
        if (before < 0) != (after < 0):
            share = before / (before - after)
            kept.append((start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])))
    return kept
