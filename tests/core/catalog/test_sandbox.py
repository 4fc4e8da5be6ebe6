"""The sandbox: real pixels, known answers, the same whenever it is asked."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.warp import transform_bounds as _transform_bounds

from earthgazer_core.catalog import latest_versions, open_catalog
from earthgazer_core.catalog.sandbox import SANDBOX_LOCATION, SandboxCatalog
from earthgazer_core.catalog.sandbox.chip import CHIP_BBOX, read_chip
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import StorageError
from earthgazer_core.settings import CatalogSettings

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
PLACE = SANDBOX_LOCATION[1]


def found(path: Path, now: datetime = NOW) -> list[Capture]:
    return list(SandboxCatalog(path, clock=lambda: now).search(PLACE, None, None))


def file_of(capture: Capture, band: str) -> Path:
    return Path(urlsplit(next(asset.href for asset in capture.assets if asset.band == band)).path)


def pixels(capture: Capture, band: str) -> npt.NDArray[Any]:
    with rasterio.open(file_of(capture, band)) as source:
        return np.asarray(source.read(1))


# rasterio has no types.
transform_bounds: Any = _transform_bounds


def roles(captures: list[Capture]) -> Counter[str]:
    return Counter(capture.metadata["demonstrates"] for capture in captures)


def test_the_series_has_each_demonstration(tmp_path: Path) -> None:
    captures = found(tmp_path)
    assert roles(captures) == {
        "clear": 4, "cloudy": 1, "acquired_twice": 2, "offset_due": 1, "no_clear_pixel": 1, "reference": 1,
    }  # fmt: skip
    assert all(capture.is_simulated and capture.source == "sandbox" for capture in captures)
    assert all(capture.metadata["georeference"] == "nominal" for capture in captures)
    days = sorted({capture.sensing_time for capture in captures})
    gaps = [later - earlier for earlier, later in itertools.pairwise(days)]
    assert sorted(gaps)[-1] == timedelta(days=20)
    assert gaps.count(timedelta(days=10)) == len(gaps) - 1
    assert captures[-1].sensing_time > NOW - timedelta(days=10)


def test_the_reference_is_the_real_chip_untouched(tmp_path: Path) -> None:
    reference = next(c for c in found(tmp_path) if c.metadata["demonstrates"] == "reference")
    assert reference.metadata["pixels"] == "real"
    chip = read_chip()
    for index, band in enumerate(("B02", "B03", "B04", "B08")):
        assert np.array_equal(pixels(reference, band), chip[index])
    assert reference.metadata["expected_ndvi"]["mean"] == pytest.approx(0.46998457642906, abs=1e-12)


def test_expected_ndvi_follows_from_the_files_alone(tmp_path: Path) -> None:
    for capture in found(tmp_path):
        assert capture.processing_baseline is not None
        offset = -1000.0 if capture.processing_baseline >= "04.00" else 0.0
        red, nir = (pixels(capture, band).astype(np.float64) + offset for band in ("B04", "B08"))
        clear = ~np.isin(np.kron(pixels(capture, "SCL"), np.ones((2, 2))), (0, 1, 3, 8, 9, 10))
        ndvi = ((nir - red) / (nir + red))[clear]
        expected = capture.metadata["expected_ndvi"]
        assert expected["valid"] == ndvi.size
        assert expected["total"] == 90_000
        if ndvi.size:
            assert expected["mean"] == pytest.approx(ndvi.mean(), abs=1e-12)
            assert expected["std"] == pytest.approx(ndvi.std(), abs=1e-12)
            assert -1 < expected["min"] < expected["max"] < 1
        else:
            assert expected["mean"] is None
            assert capture.metadata["demonstrates"] == "no_clear_pixel"
        clouds = np.isin(pixels(capture, "SCL"), (8, 9)).mean() * 100
        assert capture.cloud_cover_percent == pytest.approx(clouds, abs=1e-3)


def test_both_versions_of_one_acquisition_show_the_same_and_collapse(tmp_path: Path) -> None:
    captures = found(tmp_path)
    first, second = (c for c in captures if c.metadata["demonstrates"] == "acquired_twice")
    assert (first.processing_baseline, second.processing_baseline) == ("03.01", "05.00")
    assert first.sensing_time == second.sensing_time
    assert np.array_equal(pixels(first, "B08") + 1000, pixels(second, "B08"))
    assert first.metadata["expected_ndvi"] == second.metadata["expected_ndvi"]
    assert [c for c in captures if c not in latest_versions(captures)] == [first]


def test_the_location_holds_the_whole_chip(tmp_path: Path) -> None:
    with (
        rasterio.open(file_of(found(tmp_path)[0], "B04")) as band,
        rasterio.open(file_of(found(tmp_path)[0], "SCL")) as scl,
    ):
        assert band.bounds == scl.bounds
        assert (band.res, scl.res) == ((10, 10), (20, 20))
        assert band.nodata == 0
        west, south, east, north = transform_bounds(band.crs, "EPSG:4326", *band.bounds)
    assert (west, south, east, north) == pytest.approx(CHIP_BBOX.as_tuple(), abs=2e-6)
    assert PLACE.west < west < east < PLACE.east
    assert PLACE.south < south < north < PLACE.north


def test_files_are_as_promised_and_made_once(tmp_path: Path) -> None:
    captures = found(tmp_path)
    for asset in (asset for capture in captures for asset in capture.assets):
        data = Path(urlsplit(asset.href).path).read_bytes()
        assert asset.size_bytes == len(data)
        assert asset.sha256 == hashlib.sha256(data).hexdigest()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tif")}
    assert found(tmp_path) == captures
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tif")} == before


def test_the_same_files_come_out_anywhere(tmp_path: Path) -> None:
    one, other = found(tmp_path / "one"), found(tmp_path / "other")
    assert [[a.sha256 for a in c.assets] for c in one] == [[a.sha256 for a in c.assets] for c in other]


def test_a_later_day_adds_and_changes_nothing(tmp_path: Path) -> None:
    today = {capture.product_id: capture for capture in found(tmp_path)}
    later = {capture.product_id: capture for capture in found(tmp_path, NOW + timedelta(days=20))}
    assert 1 <= len(later.keys() - today.keys()) <= 3
    assert all(later[name] == today[name] for name in later.keys() & today.keys())


def test_a_reprocessed_version_comes_out_later(tmp_path: Path) -> None:
    passed = next(c for c in found(tmp_path) if c.metadata["demonstrates"] == "acquired_twice").sensing_time
    soon = [c for c in found(tmp_path, passed + timedelta(days=1)) if c.sensing_time == passed]
    late = [c for c in found(tmp_path, passed + timedelta(days=5)) if c.sensing_time == passed]
    assert [c.processing_baseline for c in soon] == ["03.01"]
    assert [c.processing_baseline for c in late] == ["03.01", "05.00"]


@pytest.mark.parametrize("days", range(0, 100, 7))
def test_on_any_day_every_demonstration_is_there(tmp_path_factory: pytest.TempPathFactory, days: int) -> None:
    path = tmp_path_factory.getbasetemp() / "any-day"
    present = roles(found(path, NOW + timedelta(days=days)))
    assert present.keys() == {
        "clear", "cloudy", "acquired_twice", "offset_due", "no_clear_pixel", "reference",
    }  # fmt: skip


def test_limits_of_a_search(tmp_path: Path) -> None:
    catalog = open_catalog(CatalogSettings(max_cloud_cover_percent=50), tmp_path)
    assert all((c.cloud_cover_percent or 0) <= 50 for c in catalog.search(PLACE, None, None))
    catalog = SandboxCatalog(tmp_path, clock=lambda: NOW)
    start, end = NOW - timedelta(days=35), NOW - timedelta(days=15)
    assert [c.sensing_time.day for c in catalog.search(PLACE, start, end)] == [20, 30]
    assert list(catalog.search(PLACE, None, None, missions=["LANDSAT_8"])) == []
    assert len(list(catalog.search(PLACE, None, None, missions=["SENTINEL-2A"]))) == 10
    assert list(catalog.search(BBox(0, 0, 1, 1), None, None)) == []


def test_a_damaged_product_is_made_again(tmp_path: Path) -> None:
    captures = found(tmp_path)
    band = file_of(captures[0], "B04")
    band.write_bytes(b"torn")
    (file_of(captures[1], "B04").parent / "product.json").write_bytes(b"{")
    assert found(tmp_path) == captures
    assert hashlib.sha256(band.read_bytes()).hexdigest() in {a.sha256 for a in captures[0].assets}


def test_two_at_once_agree(tmp_path: Path) -> None:
    results: list[list[Capture]] = []
    threads = [threading.Thread(target=lambda: results.append(found(tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert results[0] == results[1] == results[2]
    assert not list(tmp_path.rglob(".*"))


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "sandbox").write_bytes(b"")
    with pytest.raises(StorageError, match="can't write"):
        found(tmp_path)


def test_the_catalogue_is_the_default(tmp_path: Path) -> None:
    assert open_catalog(CatalogSettings(), tmp_path).name == "sandbox"
    assert not list(tmp_path.iterdir())
