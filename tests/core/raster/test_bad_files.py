from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthgazer_core.domain.artifact import Outcome
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import EarthGazerError, OutsideSceneError, RasterError, StorageError
from earthgazer_core.raster.products import RasterResult, make_index
from earthgazer_core.raster.source import BandSource
from tests.core.raster.images import reflectance, write_image

_ANYWHERE = BBox(-10, 20, -9, 21)
_GEOTIFF: dict[str, Any] = {"driver": "GTiff"}
_LOSSLESS_JP2: dict[str, Any] = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}


def _ndvi(
    red: str | Path, nir: str | Path, out: Path, bbox: BBox | None = None, nir_index: int = 1
) -> RasterResult:
    sources = [
        BandSource("red", str(red), 1, 0, None),
        BandSource("nir", str(nir), 1, 0, None, index=nir_index),
    ]
    return make_index("ndvi", sources, bbox, out)


def _refused(red: str | Path, nir: str | Path, out: Path, bbox: BBox | None = None) -> str:
    with pytest.raises(EarthGazerError) as caught:
        _ndvi(red, nir, out, bbox)
    assert isinstance(caught.value, RasterError)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))
    return str(caught.value)


def test_a_corrupt_file_says_where_and_what_to_do(test_data: Path, tmp_path: Path) -> None:
    path = test_data / "nasty" / "corrupt.tif"
    message = _refused(path, path, tmp_path / "o.tif")
    assert "corrupt.tif: corrupt or truncated at row 512, column 0" in message
    assert "fetch the file again" in message


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    good = write_image(tmp_path / "good.tif", np.ones((4, 4), np.uint16))
    (tmp_path / "text.tif").write_text("hello")
    (tmp_path / "empty.tif").write_bytes(b"")
    assert "no such file" in _refused(tmp_path / "missing.tif", good, tmp_path / "o.tif")
    for name in ("text.tif", "empty.tif"):
        assert "not a readable image" in _refused(tmp_path / name, good, tmp_path / "o.tif")


@pytest.mark.parametrize("compress", ["none", "deflate", "lzw"])
@pytest.mark.parametrize("share", [0.0005, 0.3, 0.99])
def test_a_truncated_geotiff_is_refused(tmp_path: Path, compress: str, share: float) -> None:
    values = np.random.default_rng(1).integers(1, 9000, (600, 500)).astype(np.uint16)
    good = write_image(
        tmp_path / "good.tif", values, compress=compress, tiled=True, blockxsize=256, blockysize=256
    )
    cut = tmp_path / "cut.tif"
    whole = Path(good).read_bytes()
    cut.write_bytes(whole[: int(len(whole) * share)])
    _refused(cut, good, tmp_path / "o.tif")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999])
def test_a_truncated_jpeg2000_is_refused_and_never_read_as_zeros(tmp_path: Path, share: float) -> None:
    values = np.random.default_rng(2).integers(1, 9000, (1500, 1300)).astype(np.uint16)
    good = write_image(tmp_path / "good.jp2", values, **_LOSSLESS_JP2)
    cut = tmp_path / "cut.jp2"
    whole = Path(good).read_bytes()
    cut.write_bytes(whole[: int(len(whole) * share)])
    _refused(cut, good, tmp_path / "o.tif")


def test_lossless_jpeg2000_gives_what_geotiff_gives(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    results = []
    values = {band: rng.integers(0, 9000, (1100, 1050)).astype(np.uint16) for band in ("red", "nir")}
    for suffix, options in (("tif", _GEOTIFF), ("jp2", _LOSSLESS_JP2)):
        sources = [
            reflectance(band, write_image(tmp_path / f"{band}.{suffix}", pixels, **options))
            for band, pixels in values.items()
        ]
        results.append(make_index("ndvi", sources, None, tmp_path / f"{suffix}.out.tif"))
    tif, jp2 = (result.statistics for result in results)
    assert tif is not None
    assert jp2 is not None
    assert jp2.histogram == tif.histogram
    assert jp2.valid == tif.valid
    assert jp2.mean == pytest.approx(tif.mean, abs=1e-12)


def test_no_data_at_all_is_an_outcome(test_data: Path, tmp_path: Path) -> None:
    path = test_data / "nasty" / "all-nodata.tif"
    result = _ndvi(path, path, tmp_path / "o.tif", nir_index=4)
    assert result.outcome is Outcome.NO_CLEAR_PIXELS
    assert result.statistics is not None
    assert result.statistics.valid == 0


def test_not_a_number_is_no_data(test_data: Path, tmp_path: Path) -> None:
    path = test_data / "nasty" / "float_nan.tif"
    found = _ndvi(path, path, tmp_path / "o.tif").statistics
    assert found is not None
    assert (found.valid, found.total) == (5, 6)


def test_without_a_crs_bounds_are_refused_but_the_whole_is_made(test_data: Path, tmp_path: Path) -> None:
    for name in ("no_crs_ds.tif", "rotated.tif", "float_nan.tif"):
        path = test_data / "nasty" / name
        assert "no CRS" in _refused(path, path, tmp_path / "refused.tif", _ANYWHERE)
        assert _ndvi(path, path, tmp_path / "whole.tif").crs is None


def test_a_rotated_image_keeps_its_place(test_data: Path, tmp_path: Path) -> None:
    path = test_data / "nasty" / "rotated.tif"
    result = _ndvi(path, path, tmp_path / "o.tif")
    assert result.transform[1] == pytest.approx(5.0)
    assert (result.height, result.width) == (15, 10)


def test_ground_control_points_alone_are_refused(test_data: Path, tmp_path: Path) -> None:
    path = test_data / "nasty" / "au-gcp.tif"
    message = _refused(path, path, tmp_path / "o.tif")
    assert "24 ground control points alone; warp it onto a grid first" in message


def test_a_crs_without_a_code_works_and_is_told_as_text(test_data: Path, tmp_path: Path) -> None:
    path = test_data / "nasty" / "RGB2.byte.tif"
    result = _ndvi(path, path, tmp_path / "o.tif", BBox(-78, 24, -77.5, 24.5), nir_index=2)
    assert result.crs is not None
    assert result.crs.startswith("PROJCS")
    assert 0 < result.width < 791
    with pytest.raises(OutsideSceneError):
        _ndvi(path, path, tmp_path / "o.tif", _ANYWHERE)


def test_a_scene_across_the_antimeridian_is_cropped_in_one_piece(test_data: Path, tmp_path: Path) -> None:
    path = test_data / "nasty" / "cog_dateline.tif"
    result = _ndvi(path, path, tmp_path / "o.tif", BBox(179.5, 51.5, -179.5, 52))
    assert 600 < result.width < 800
    assert 500 < result.height < 650


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    good = write_image(tmp_path / "good.tif", np.ones((4, 4), np.uint16))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="could not be written"):
        _ndvi(good, good, tmp_path / "file" / "o.tif")


_FULL_DISK = """
import resource, sys
from pathlib import Path
from earthgazer_core.errors import StorageError
from earthgazer_core.raster.products import make_index
from earthgazer_core.raster.source import BandSource

folder = Path(sys.argv[1])
sources = [BandSource(band, str(folder / f"{band}.tif"), 1, 0, 0) for band in ("red", "nir")]
whole = make_index("ndvi", sources, None, folder / "out" / "o.tif").size_bytes
(folder / "out" / "o.tif").unlink()
refused = 0
for limit in (50_000, whole // 2, whole - 40_000, whole - 600, whole - 150, whole - 1):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        make_index("ndvi", sources, None, folder / "out" / "o.tif")
    except StorageError as error:
        refused += "could not be written" in str(error)
    assert not list((folder / "out").iterdir()), limit
print(refused)
"""


def test_a_full_disk_leaves_nothing_at_whatever_byte_it_fills(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    for band in ("red", "nir"):
        # Noise does not compress, so that the limits fall into its tiles as well as behind them.
        write_image(tmp_path / f"{band}.tif", rng.integers(1, 60000, (512, 512)).astype(np.uint16))
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False,
        timeout=120, env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "6"
