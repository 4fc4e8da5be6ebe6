from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from earthgazer_core.domain.artifact import Outcome
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.progress import Progress
from earthgazer_core.domain.statistics import Statistics
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.raster.products import RasterResult, make_index
from earthgazer_core.raster.source import BandSource
from tests.core.raster.images import read, reflectance, write_image

_SCL = "sentinel2/29RKH_20200219_L2A/SCL.tif"
_SENTINEL2 = (1e-4, 0.0)
_SENTINEL2_0400 = (1e-4, -0.1)
_LANDSAT = (0.0000275, -0.2)
_RAW = (1.0, 0.0)

NDVI_CASES = [
    ("s2_19_native10m", _SENTINEL2, None),
    ("s2_bangalore_nd9999", _SENTINEL2, None),
    ("s2_bangalore_l1c_undeclared0", _SENTINEL2, None),
    ("s2_29RKH_nodata", _SENTINEL2, None),
    ("s2_29RKH_scl", _SENTINEL2, "SCL"),
    ("l8_c2l2_001062_nodata", _LANDSAT, None),
    ("l8_c2l2_001062_qa", _LANDSAT, "QA_PIXEL"),
    ("l8_c2l2_008059_colombia_nodata", _LANDSAT, None),
    ("l8_c2l2_008059_colombia_qa", _LANDSAT, "QA_PIXEL"),
    ("s2_N0400_offset", _SENTINEL2_0400, None),
    ("crop_s2_29RKH", _SENTINEL2, None),
    ("crop_s2_19", _SENTINEL2, None),
    ("crop_partial_29RKH", _SENTINEL2, None),
]
WRONG_CASES = [
    ("s2_29RKH_wrong_offset", _SENTINEL2, _SENTINEL2_0400),
    ("l8_c2l2_001062_wrong_nooffset", _LANDSAT, _RAW),
    ("s2_N0400_wrong_nooffset", _SENTINEL2_0400, _SENTINEL2),
]


def _sources(
    test_data: Path, case: dict[str, Any], radiometry: tuple[float, float], mask: str | None
) -> list[BandSource]:
    sources = [
        BandSource(band, str(test_data / file), *radiometry, 0.0)
        for band, file in zip(("red", "nir"), case["files"], strict=True)
    ]
    if mask == "SCL":
        sources.append(BandSource("SCL", str(test_data / _SCL), 1, 0, None, is_mask=True))
    if mask == "QA_PIXEL":
        path = str(test_data / case["files"][0]).replace("SR_B4", "QA_PIXEL")
        sources.append(BandSource("QA_PIXEL", path, 1, 0, None, is_mask=True))
    return sources


def _make(
    test_data: Path, case: dict[str, Any], radiometry: tuple[float, float], mask: str | None, out: Path
) -> RasterResult:
    bbox = BBox(*case["bounds"]) if "bounds" in case else None
    return make_index("ndvi", _sources(test_data, case, radiometry, mask), bbox, out)


def _statistics(result: RasterResult) -> Statistics:
    assert result.statistics is not None
    return result.statistics


def _hist20(statistics: Statistics) -> list[int]:
    return [int(count) for count in np.array(statistics.histogram.counts).reshape(20, 10).sum(axis=1)]


@pytest.mark.parametrize(("name", "radiometry", "mask"), NDVI_CASES)
def test_ndvi_equals_the_independent_result(
    cases: dict[str, Any], test_data: Path, tmp_path: Path, name: str,
    radiometry: tuple[float, float], mask: str | None,
) -> None:  # fmt: skip
    expected = cases[name]["expected"]
    result = _make(test_data, cases[name], radiometry, mask, tmp_path / "ndvi.tif")
    found = _statistics(result)

    assert (found.valid, found.total) == (expected["valid"], expected["total"])
    assert sum(found.histogram.counts) + found.below + found.above == found.valid
    if found.valid == 0:
        assert result.outcome is Outcome.NO_CLEAR_PIXELS
        assert (found.mean, found.std, found.min, found.max, found.p02) == (None, None, None, None, None)
        assert set(found.histogram.counts) == {0}
        return
    assert result.outcome is Outcome.OK
    for field in ("mean", "std", "min", "max", "p02", "p50", "p98"):
        assert getattr(found, field) == pytest.approx(expected[field], abs=1e-9), field
    assert _hist20(found) == expected["hist20"]
    assert (found.below, found.above) == (expected["below_minus1"], expected["above_1"])


@pytest.mark.parametrize(("name", "right", "wrong"), WRONG_CASES)
def test_a_wrong_answer_comes_only_from_wrong_radiometry(
    cases: dict[str, Any], test_data: Path, tmp_path: Path, name: str,
    right: tuple[float, float], wrong: tuple[float, float],
) -> None:  # fmt: skip
    trap = cases[name]["expected"]
    good = _statistics(_make(test_data, cases[name], right, None, tmp_path / "good.tif"))
    bad = _statistics(_make(test_data, cases[name], wrong, None, tmp_path / "bad.tif"))
    assert good.mean != pytest.approx(trap["mean"], abs=1e-3)
    assert bad.mean == pytest.approx(trap["mean"], abs=1e-6)


def test_the_file_is_a_cog_that_says_what_it_is(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "made" / "ndvi.tif"
    case = cases["s2_29RKH_scl"]
    sources = _sources(test_data, case, _SENTINEL2, "SCL")
    result = make_index("ndvi", sources, None, out, tags={"product_id": "S2A_29RKH"})

    is_valid, errors, warnings = cog_validate(out, strict=True)
    assert is_valid, (errors, warnings)
    with rasterio.open(out) as dataset:
        assert dataset.dtypes == ("float32",)
        assert np.isnan(dataset.nodata)
        assert dataset.descriptions == ("ndvi",)
        assert dataset.overviews(1) == [2, 4]
        assert dataset.compression.value == "DEFLATE"
        tags = dataset.tags()
        pixels = dataset.read(1)
    assert tags["EARTHGAZER_PRODUCT"] == "ndvi"
    assert tags["EARTHGAZER_PRODUCT_ID"] == "S2A_29RKH"
    assert tags["TIFFTAG_SOFTWARE"].startswith("EarthGazer ")
    assert json.loads(tags["EARTHGAZER_PARAMETERS"])["bands"]["red"]["offset"] == 0.0
    assert np.isfinite(pixels).sum() == _statistics(result).valid
    assert result.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert result.size_bytes == out.stat().st_size
    assert result.crs == "EPSG:32629"
    assert result.transform == (100.0, 0.0, 199980.0, 0.0, -100.0, 2800020.0)
    assert [path.name for path in out.parent.iterdir()] == ["ndvi.tif"]


def test_the_record_holds_plain_json(cases: dict[str, Any], test_data: Path, tmp_path: Path) -> None:
    result = _make(test_data, cases["crop_s2_29RKH"], _SENTINEL2, None, tmp_path / "ndvi.tif")
    parameters = json.loads(json.dumps(dict(result.parameters)))
    assert parameters["window"] == [396, 295, 257, 209]
    assert parameters["bands"]["nir"] == {"name": "nir", "scale": 1e-4, "offset": 0.0, "nodata": [0.0]}
    assert parameters["percentiles"] == "exact, linear interpolation"
    assert parameters["warnings"] == []


def test_values_outside_the_unit_range_are_kept(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    result = _make(test_data, cases["l8_c2l2_008059_colombia_nodata"], _LANDSAT, None, tmp_path / "ndvi.tif")
    pixels = read(result.path)
    assert np.nanmax(pixels) == pytest.approx(6.457260556127704, rel=1e-6)
    assert _statistics(result).above == 8


def test_the_histogram_has_200_bins_between_the_doubles_nearest_to_hundredths(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    found = _statistics(_make(test_data, cases["s2_19_native10m"], _SENTINEL2, None, tmp_path / "ndvi.tif"))
    assert found.histogram.edges == tuple(k / 100 for k in range(-100, 101))
    assert len(found.histogram.counts) == 200


def test_progress_only_grows_and_ends_at_all(cases: dict[str, Any], test_data: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    make_index(
        "ndvi", _sources(test_data, cases["s2_29RKH_nodata"], _SENTINEL2, None), None, tmp_path / "o.tif",
        progress=told.append,
    )  # fmt: skip
    shares = [progress.percent for progress in told]
    assert shares == sorted(shares, key=lambda share: share or 0)
    assert shares[-1] == 100.0
    assert [progress.stage for progress in told][-1] == "writing COG"
    assert {progress.stage for progress in told} == {"ndvi", "writing COG"}


def test_an_error_of_the_listener_stops_the_work_and_leaves_nothing(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    def revoked(_: Progress) -> None:
        raise ConnectionResetError("gone")

    sources = _sources(test_data, cases["s2_29RKH_nodata"], _SENTINEL2, None)
    with pytest.raises(ConnectionResetError):
        make_index("ndvi", sources, None, tmp_path / "o.tif", progress=revoked)
    assert list(tmp_path.iterdir()) == []


def test_the_same_inputs_give_the_same_bytes_whatever_the_threads(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    sources = _sources(test_data, cases["s2_29RKH_scl"], _SENTINEL2, "SCL")
    one = make_index("ndvi", sources, None, tmp_path / "one.tif", threads=1)
    three = make_index("ndvi", list(reversed(sources)), None, tmp_path / "three.tif", threads=3)
    assert one.statistics == three.statistics
    assert np.array_equal(read(one.path), read(three.path), equal_nan=True)


def test_a_preview_is_small_and_transparent_where_nothing_is_valid(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    case = cases["l8_c2l2_001062_nodata"]
    preview = _make(test_data, case, _LANDSAT, None, tmp_path / "ndvi.tif").preview
    assert preview is not None
    assert max(preview.width, preview.height) == 96
    rgba = np.frombuffer(preview.rgba, dtype=np.uint8).reshape(preview.height, preview.width, 4)
    assert set(np.unique(rgba[..., 3])) == {0, 255}
    assert rgba[0, 0, 3] == 0


def test_a_preview_without_a_clear_pixel_is_all_transparent(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    preview = _make(
        test_data, cases["l8_c2l2_001062_qa"], _LANDSAT, "QA_PIXEL", tmp_path / "ndvi.tif"
    ).preview
    assert preview is not None
    assert not any(preview.rgba)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "float32", "float64"])
def test_every_type_of_number_is_computed_without_wrapping_around(tmp_path: Path, dtype: str) -> None:
    red = np.array([[100, 10], [3, 1]], dtype=dtype)
    nir = np.array([[10, 100], [1, 3]], dtype=dtype)
    sources = [
        reflectance("red", write_image(tmp_path / "red.tif", red)),
        reflectance("nir", write_image(tmp_path / "nir.tif", nir)),
    ]
    result = make_index("ndvi", sources, None, tmp_path / "ndvi.tif")
    assert read(result.path) == pytest.approx(np.array([[-90 / 110, 90 / 110], [-0.5, 0.5]]), abs=1e-7)


def test_bands_are_known_by_the_names_of_their_mission(tmp_path: Path) -> None:
    low = write_image(tmp_path / "low.tif", np.full((2, 2), 1000, dtype=np.uint16))
    high = write_image(tmp_path / "high.tif", np.full((2, 2), 3000, dtype=np.uint16))
    for mission, red, nir in (
        (None, "B04", "B08"),
        ("SENTINEL-2A", "B4", "B8"),
        ("LANDSAT_8", "SR_B4", "B5"),
        ("LANDSAT_7", "B3", "B4"),
    ):
        sources = [
            BandSource(red, low, 1e-4, 0, 0, mission=mission),
            BandSource(nir, high, 1e-4, 0, 0, mission=mission),
        ]
        assert _statistics(make_index("NDVI", sources, None, tmp_path / "o.tif")).mean == 0.5


def test_an_ambiguous_band_name_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="say its mission"):
        _ = BandSource("B4", "anything.tif", 1, 0, None).common_name


def test_a_missing_band_or_index_is_named(tmp_path: Path) -> None:
    sources = [reflectance("red", write_image(tmp_path / "red.tif", np.ones((2, 2), dtype=np.uint16)))]
    with pytest.raises(InvalidInputError, match="needs band nir"):
        make_index("ndvi", sources, None, tmp_path / "o.tif")
    with pytest.raises(InvalidInputError, match="no index 'nvdi'"):
        make_index("nvdi", sources, None, tmp_path / "o.tif")
    with pytest.raises(InvalidInputError, match="given twice"):
        make_index(
            "ndvi", [*sources, *sources, reflectance("nir", sources[0].path)], None, tmp_path / "o.tif"
        )


def test_an_offset_applied_twice_is_warned_of(cases: dict[str, Any], test_data: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    sources = [
        BandSource(
            band,
            write_image(tmp_path / f"{band}.tif", rng.integers(200, 1500, (40, 40)).astype(np.uint16)),
            1e-4,
            -0.1,
            0,
        )
        for band in ("red", "nir")
    ]
    doubtful = make_index("ndvi", sources, None, tmp_path / "o.tif")
    assert "may have been applied" in doubtful.parameters["warnings"][0]
    sound = _make(test_data, cases["s2_N0400_offset"], _SENTINEL2_0400, None, tmp_path / "sound.tif")
    assert sound.parameters["warnings"] == []


def test_an_existing_file_is_replaced_only_by_a_whole_one(tmp_path: Path, test_data: Path) -> None:
    out = tmp_path / "o.tif"
    out.write_bytes(b"an earlier one")
    corrupt = str(test_data / "nasty" / "corrupt.tif")
    sources = [BandSource("red", corrupt, 1, 0, None), BandSource("nir", corrupt, 1, 0, None, index=2)]
    with pytest.raises(Exception, match="corrupt or truncated"):
        make_index("ndvi", sources, None, out)
    assert out.read_bytes() == b"an earlier one"
    assert [path.name for path in tmp_path.iterdir()] == ["o.tif"]
