"""The sandbox's known NDVI against the product's own science, with and without a crop."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from earthgazer_core.catalog.sandbox import SANDBOX_LOCATION, SandboxCatalog
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.raster.index_product import make_index
from earthgazer_core.raster.radiometry import decide
from earthgazer_core.raster.source import BandSource

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def sources(capture: Capture) -> list[BandSource]:
    decision = decide(
        mission=capture.mission, level=capture.level, processing_baseline=capture.processing_baseline,
        sensing_time=capture.sensing_time, collection=capture.collection,
        offset_already_applied=capture.offset_already_applied, asset_scale=None, asset_offset=None,
        asset_nodata=0, product_id=capture.product_id,
    )  # fmt: skip
    return [
        BandSource(
            asset.band, urlsplit(asset.href).path, decision.scale, decision.offset, decision.nodata,
            is_mask=asset.band == "SCL", mission=capture.mission,
        )
        for asset in capture.assets
        if asset.band in ("B04", "B08", "SCL")
    ]  # fmt: skip


@pytest.mark.parametrize("bbox", [None, SANDBOX_LOCATION[1]], ids=["whole", "location"])
def test_the_pipeline_finds_what_the_sandbox_knows(tmp_path: Path, bbox: BBox | None) -> None:
    catalog = SandboxCatalog(tmp_path, clock=lambda: NOW)
    for capture in catalog.search(SANDBOX_LOCATION[1], None, None):
        statistics = make_index("ndvi", sources(capture), bbox, tmp_path / "ndvi.tif").statistics
        assert statistics is not None
        expected = capture.metadata["expected_ndvi"]
        assert (statistics.valid, statistics.total) == (expected["valid"], expected["total"])
        for name in ("mean", "std", "min", "max"):
            assert getattr(statistics, name) == pytest.approx(expected[name], abs=1e-9)
