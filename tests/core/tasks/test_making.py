from __future__ import annotations

from typing import Any

from earthgazer_core.db.tables import CaptureRow
from earthgazer_core.tasks.keys import content_key
from earthgazer_core.tasks.making import Order, _key


def _order(**more: Any) -> Order:
    return Order("ndvi", 1, ("B04", "B08"), None, is_forced=False, task_id=None, **more)


def test_how_values_are_stored_makes_another_artifact_and_the_usual_way_keeps_its_key() -> None:
    capture = CaptureRow(mission="SENTINEL-2A", product_id="P")
    usual = content_key(
        "ndvi",
        {"product": ["SENTINEL-2A", "P"], "bands": {}},
        {"bands": ["B04", "B08"], "bbox": None},
    )
    assert _key(capture, _order(), []) == usual
    small = _order(options={"stored": "int16", "compression": "ZSTD"})
    assert _key(capture, small, []) != usual
