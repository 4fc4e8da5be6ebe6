"""Footprints against rectangles."""

from __future__ import annotations

from typing import Any

import pytest

from earthgazer_core.catalog.geometry import touches
from earthgazer_core.domain.bbox import BBox

TRIANGLE = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [0, 10], [0, 0]]]}


@pytest.mark.parametrize(
    ("geometry", "bbox", "expected"),
    [
        (TRIANGLE, BBox(1, 1, 2, 2), True),
        (TRIANGLE, BBox(-5, -5, 20, 20), True),
        (TRIANGLE, BBox(4, 4, 9, 9), True),
        (TRIANGLE, BBox(6, 6, 9, 9), False),
        (TRIANGLE, BBox(10, 0, 11, 1), False),
        ({"type": "MultiPolygon", "coordinates": [TRIANGLE["coordinates"]]}, BBox(1, 1, 2, 2), True),
        ({"type": "MultiPolygon", "coordinates": [TRIANGLE["coordinates"]]}, BBox(6, 6, 9, 9), False),
        ({"type": "Point", "coordinates": [0, 0]}, BBox(6, 6, 9, 9), True),
        ({"type": "Polygon", "coordinates": "?"}, BBox(6, 6, 9, 9), True),
        ({"type": "Polygon", "coordinates": [[]]}, BBox(6, 6, 9, 9), True),
        ({"type": "Polygon"}, BBox(6, 6, 9, 9), True),
        (None, BBox(6, 6, 9, 9), True),
    ],
)
def test_shared_area(geometry: dict[str, Any] | None, bbox: BBox, expected: bool) -> None:
    assert touches(geometry, bbox) is expected


def test_a_footprint_that_crosses_the_antimeridian_unsplit() -> None:
    ring = [[179, -1], [-179, -1], [-179, 1], [179, 1], [179, -1]]
    footprint = {"type": "Polygon", "coordinates": [ring]}
    assert touches(footprint, BBox(179.2, -0.5, 179.8, 0.5))
    assert touches(footprint, BBox(-179.8, -0.5, -179.2, 0.5))
    assert touches(footprint, BBox(179.5, -0.5, -179.5, 0.5))
    assert not touches(footprint, BBox(0, -0.5, 1, 0.5))
