"""What an image must not do: lead elsewhere, wait for ever, or be more than it says."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from earthgazer_core.errors import InvalidInputError, RasterError
from earthgazer_core.raster.dataset import MAX_BANDS, open_dataset
from earthgazer_core.raster.products import make_index
from earthgazer_core.raster.reading import inspect
from earthgazer_core.raster.source import BandSource
from earthgazer_core.tasks.files import capture_of_files
from tests.campaigns.image_forge import SIDE, Tag, chain, jp2_bombs, metadata, tiff_of, zeros
from tests.core.raster.images import UTM33_10M, reflectance, write_image

_VRT = (
    '<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
    "<SourceFilename>{}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
)


@pytest.fixture
def good(tmp_path: Path) -> str:
    return write_image(tmp_path / "good.tif", np.full((8, 8), 500, np.uint16))


def _refused(path: str | Path) -> str:
    with pytest.raises(RasterError) as caught, open_dataset(str(path)):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_only_geotiff_and_jpeg2000_are_read_whatever_the_name_says(good: str, tmp_path: Path) -> None:
    (tmp_path / "vrt.tif").write_text(_VRT.format(good))
    (tmp_path / "ascii.tif").write_text("ncols 1\nnrows 1\nxllcorner 0\nyllcorner 0\ncellsize 1\n1\n")
    for name in ("vrt.tif", "ascii.tif"):
        assert "neither GeoTIFF nor JPEG 2000" in _refused(tmp_path / name)


def test_a_path_is_never_a_command(good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (
        f"/vsisubfile/0_100000,{good}", "/vsicurl/http://127.0.0.1:9/x.tif", f"vrt://{good}", f"file://{good}",
        f"DERIVED_SUBDATASET:LOGAMPLITUDE:{good}", f"GTIFF_DIR:1:{good}", _VRT.format(good), "",
        f"{good}\0.jp2",
    ):  # fmt: skip
        _refused(path)
    monkeypatch.chdir(tmp_path)
    # A file whose name is one: what is opened has to be the file that was looked at.
    (tmp_path / "GTIFF_DIR:1:good.tif").write_bytes(b"II*\0")
    assert "not a readable image" in _refused("GTIFF_DIR:1:good.tif")


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    for path in (tmp_path / "pipe.tif", tmp_path, Path("/dev/zero")):
        assert "not a regular file" in _refused(path)


def test_declared_sizes_have_limits(tmp_path: Path) -> None:
    data = zeros(512 * 512 * 2)
    bombs = {
        "declares 1000000 x 1000000 pixels": tiff_of(10**6, 10**6, data, [8], [len(data)], tile=(512, 512)),
        "536870912 bytes": tiff_of(16384, 16384, data, [8], [len(data)], tile=(16384, 16384)),
        "1562500 blocks": tiff_of(20_000, 20_000, data, [8], [len(data)], tile=(16, 16)),
        "has 5000 bands": tiff_of(512, 512, data, [8], [len(data)], tile=(512, 512), bands=5000),
    }
    for words, content in bombs.items():
        (tmp_path / "bomb.tif").write_bytes(content)
        assert words in _refused(tmp_path / "bomb.tif")
    assert MAX_BANDS < 5000


@pytest.mark.parametrize("size", [1e-200, float("nan"), float("inf"), 1e300])
def test_pixels_have_a_size_and_a_place(size: float, tmp_path: Path) -> None:
    data = zeros(SIDE * SIDE * 2)
    path = tmp_path / "x.tif"
    path.write_bytes(tiff_of(SIDE, SIDE, data, [8], [len(data)], more=[Tag(33550, 12, [size, size, 0.0])]))
    assert "geotransform" in _refused(path)


def test_systems_of_reference_that_cannot_be_paired_are_told(good: str, tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "local.tif", "w", driver="GTiff", width=8, height=8, count=1, dtype="uint16",
        crs='LOCAL_CS["nowhere",UNIT["metre",1]]', transform=UTM33_10M,
    ) as out:  # fmt: skip
        out.write(np.full((8, 8), 500, np.uint16), 1)
    sources = [reflectance("red", good), reflectance("nir", tmp_path / "local.tif")]
    with pytest.raises(RasterError, match=r"local\.tif|good\.tif"):
        make_index("ndvi", sources, None, tmp_path / "o.tif")


@pytest.mark.parametrize(("scale", "offset"), [(float("nan"), 0), (1e-320, 1e300), (1e-4, float("inf"))])
def test_numbers_that_make_no_reflectance_are_refused(good: str, scale: float, offset: float) -> None:
    with pytest.raises(InvalidInputError, match="scale"):
        inspect([BandSource("red", good, scale, offset, None)])


def test_files_that_lie_nowhere_or_declare_nonsense_become_no_capture(good: str, tmp_path: Path) -> None:
    def add(path: str) -> None:
        when = datetime(2020, 1, 1, tzinfo=UTC)
        capture_of_files("SENTINEL-2A", when, [("B04", Path(path))], baseline="02.14")

    add(good)
    far = Affine(10, 0, 9e13, 0, -10, 9e13)
    with pytest.raises(RasterError, match="its place on Earth can't be told"):
        add(write_image(tmp_path / "far.tif", np.ones((8, 8), np.uint16), transform=far))
    scaled = write_image(tmp_path / "scaled.tif", np.ones((8, 8), np.uint16))
    with rasterio.open(scaled, "r+") as dataset:
        dataset.scales = (float("nan"),)
    with pytest.raises(RasterError, match="declares a scale of nan"):
        add(scaled)


def test_what_stands_before_the_pixels_has_limits(tmp_path: Path) -> None:
    data = zeros(SIDE * SIDE * 2)
    heads = {
        "tag 42112 is 6000": tiff_of(
            SIDE, SIDE, data, [8], [len(data)], more=[metadata(("", "x", "a" * 6_000_000))]
        ),
        "more than 1000 directories": chain(1001),
    }
    for words, content in heads.items():
        (tmp_path / "x.tif").write_bytes(content)
        assert words in _refused(tmp_path / "x.tif")
    (tmp_path / "x.tif").write_bytes(chain(900))
    with open_dataset(str(tmp_path / "x.tif")) as dataset:
        assert dataset.shape == (16, 16)
    lossless: dict[str, Any] = {"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": "100"}
    write_image(tmp_path / "x.jp2", np.ones((200, 200), np.uint16), **lossless)
    sound = (tmp_path / "x.jp2").read_bytes()
    for name, content in jp2_bombs(sound):
        if "box" in name:
            (tmp_path / "x.jp2").write_bytes(content)
            assert "box" in _refused(tmp_path / "x.jp2")
