"""``earthgazer captures``: files on disk become captures, and bad ones don't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.shutil import copy

from tests.core.pipeline import Answer, Pipeline

WHEN = "2020-02-19T11:34:25Z"


@pytest.fixture
def band(tmp_path: Path) -> Path:
    """A small, whole GeoTIFF."""
    return write_band(tmp_path / "B04.tif")


def write_band(path: Path, *, dtype: str = "uint16", size: int = 256) -> Path:
    values = (np.arange(size * size).reshape(size, size) % 997 + 1000).astype(dtype)
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=1, dtype=dtype, crs="EPSG:32632",
        transform=Affine(10, 0, 500000, 0, -10, 5500000), tiled=True, blockxsize=64, blockysize=64,
        compress="DEFLATE",
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    return path


def add(offline: Pipeline, *arguments: str, mission: str = "SENTINEL-2A", when: str = WHEN) -> Answer:
    return offline.ask("captures", "add", "--mission", mission, "--sensing-time", when, *arguments, "--json")


def test_a_file_becomes_a_capture_with_its_footprint(offline: Pipeline, band: Path) -> None:
    added = add(offline, f"--band=B04={band}")
    assert added.code == 0, added.err
    shown = offline.ok("captures", "show", str(added.json["id"]), "--json")
    assert shown["bbox"] == pytest.approx([9.0, 49.629, 9.0355, 49.652], abs=1e-2)
    assert [asset["band"] for asset in shown["assets"]] == ["B04"]
    assert len(shown["assets"][0]["sha256"]) == 64


def test_mission_and_band_are_known_in_any_spelling(offline: Pipeline, band: Path) -> None:
    assert add(offline, f"--band=b4={band}", mission="sentinel-2a").code == 0
    landsat = add(offline, f"--band=SR_B4={band}", mission="landsat-8")
    shown = offline.ok("captures", "show", str(landsat.json["id"]), "--json")
    assert (shown["mission"], shown["assets"][0]["band"], shown["level"]) == ("LANDSAT_8", "B4", "L2SP")


def test_the_same_files_are_the_same_capture(offline: Pipeline, band: Path) -> None:
    first = add(offline, f"--band=B04={band}")
    again = add(offline, f"--band=B04={band}")
    assert again.code == 1
    assert f"capture {first.json['id']}" in again.json["error"]
    assert again.json["type"] == "ConflictError"


def test_what_a_product_id_tells_is_taken_from_it(offline: Pipeline, band: Path) -> None:
    product = "S2B_MSIL1C_20220615T101559_N0400_R065_T32UPC_20220615T122314"
    added = add(offline, f"--band=B04={band}", "--product-id", product, when="2022-06-15T10:15:59Z")
    shown = offline.ok("captures", "show", str(added.json["id"]), "--json")
    assert (shown["level"], shown["processing_baseline"], shown["mgrs_tile"]) == ("L1C", "04.00", "32UPC")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--band=B99={band}"], 2, "no band 'B99'"),
        (["--band=B04={band}", "--band=red={band}"], 2, "given twice"),
        (["--band=B04"], 2, "expected NAME=PATH"),
        (["--band=SCL={band}"], 2, "only a mask"),
        (["--band=B04={missing}"], 1, "no such file"),
        (["--band=B04={directory}"], 2, "not a file"),
        (["--band=B04={text}"], 1, "not a readable image"),
        (["--band=B04={truncated}"], 1, "truncated"),
        (["--band=B04={band}", "--band=SCL={float}"], 1, "holds flags"),
        (["--band=B04={band}", "--baseline=next"], 2, "expected NN.NN"),
    ],
)
def test_bad_input_is_refused_with_one_clear_message(
    offline: Pipeline, band: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "text.tif").write_text("no image")
    (tmp_path / "truncated.tif").write_bytes(band.read_bytes()[: band.stat().st_size // 2])
    write_band(tmp_path / "float.tif", dtype="float32")
    files = {
        "band": band, "missing": tmp_path / "none.tif", "directory": tmp_path, "text": tmp_path / "text.tif",
        "truncated": tmp_path / "truncated.tif", "float": tmp_path / "float.tif",
    }  # fmt: skip
    answer = add(offline, *(argument.format(**files) for argument in arguments))
    assert answer.code == code, answer.err
    assert said in answer.json["error"]
    assert len(answer.err.strip().splitlines()) == 1
    assert offline.ok("captures", "list", "--json") == []


@pytest.mark.parametrize(
    ("mission", "when", "said"),
    [
        ("SENTINEL-9", WHEN, "unknown mission"),
        ("SENTINEL-2A", "yesterday", "expected ISO 8601"),
        ("SENTINEL-2A", "2199-01-01", "in the future"),
        ("SENTINEL-2A", "2022-06-15T10:15:59Z", "--baseline 04.00"),
    ],
)
def test_wrong_words_are_usage_errors(
    offline: Pipeline, band: Path, mission: str, when: str, said: str
) -> None:
    answer = add(offline, f"--band=B04={band}", mission=mission, when=when)
    assert answer.code == 2
    assert said in answer.json["error"]


def test_a_real_truncated_file_is_refused(offline: Pipeline, test_data: Path) -> None:
    answer = add(offline, f"--band=B04={test_data / 'nasty' / 'corrupt.tif'}")
    assert answer.code == 1
    assert "corrupt or truncated" in answer.json["error"]


def test_a_file_across_the_antimeridian_keeps_its_narrow_footprint(
    offline: Pipeline, test_data: Path
) -> None:
    added = add(offline, f"--band=B04={test_data / 'nasty' / 'cog_dateline.tif'}")
    west, _, east, _ = added.json["bbox"]
    assert west > east
    assert east + 360 - west < 10


def test_a_file_without_crs_has_no_footprint(offline: Pipeline, test_data: Path) -> None:
    added = add(offline, f"--band=B04={test_data / 'nasty' / 'no_crs_ds.tif'}")
    assert added.json["bbox"] is None


def test_hostile_text_does_not_reach_the_terminal(offline: Pipeline, band: Path) -> None:
    hostile = "evil\x1b]52;c;aGk=\x07\u202e"
    assert add(offline, f"--band=B04={band}", "--product-id", hostile).code == 0
    listed = offline.ask("captures", "list")
    assert "\x1b" not in listed.out
    assert "\x07" not in listed.out
    assert "\u202e" not in listed.out
    assert "evil\\x1b]52;c;aGk=\\x07\\u202e" in listed.out


@pytest.mark.parametrize("command", [["captures", "show"], ["artifacts", "show"], ["locations", "show"]])
def test_unknown_ids_are_told(offline: Pipeline, command: list[str]) -> None:
    answer = offline.ask(*command, "4711", "--json")
    assert answer.code == 1
    assert "4711" in answer.json["error"]


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_jpeg_2000_is_read_to_its_end(offline: Pipeline, tmp_path: Path, share: float) -> None:
    tiff, jp2 = write_band(tmp_path / "B04.tif", size=512), tmp_path / "B04.jp2"
    with rasterio.open(tiff) as source:
        copy(source, jp2, driver="JP2OpenJPEG", REVERSIBLE="YES", QUALITY="100")
    jp2.write_bytes(jp2.read_bytes()[: int(share * jp2.stat().st_size)])
    answer = add(offline, f"--band=B04={jp2}")
    assert (answer.code == 0) == (share == 1.0), answer.err
    if share < 1:
        assert "corrupt or truncated" in answer.json["error"]
