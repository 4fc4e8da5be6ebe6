from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import spyndex
from rio_cogeo.cogeo import cog_validate

from earthgazer_core.domain.artifact import Outcome
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import InvalidInputError, OutsideSceneError
from earthgazer_core.raster.indices import INDICES
from earthgazer_core.raster.products import make_index, make_rgb, make_stack
from earthgazer_core.raster.source import BandSource
from tests.core.raster.images import read, reflectance

_TILE = "sentinel2/29RKH_20200219_L2A"
_CHIP = "sentinel2/19TBG_native10m"
_OWN_NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11", "swir22": "B12"}


def _bands(test_data: Path, folder: str, *names: str) -> list[BandSource]:
    return [reflectance(_OWN_NAMES[name], test_data / folder / f"{_OWN_NAMES[name]}.tif") for name in names]


def _scl(test_data: Path) -> BandSource:
    return BandSource("SCL", str(test_data / _TILE / "SCL.tif"), 1, 0, None, is_mask=True)


@pytest.mark.parametrize("name", ["NDVI", "EVI", "NDWI", "SAVI", "GNDVI", "OSAVI", "MSAVI", "EVI2"])
def test_an_index_equals_spyndex(cases: dict[str, Any], test_data: Path, tmp_path: Path, name: str) -> None:
    expected = cases["s2_19_indices"]["expected"][name]
    found = make_index(
        name, _bands(test_data, _CHIP, "blue", "green", "red", "nir"), None, tmp_path / "o.tif"
    ).statistics
    assert found is not None
    for field in ("mean", "std", "min", "max"):
        assert getattr(found, field) == pytest.approx(expected[field], abs=1e-9), field


def test_leaf_area_index_equals_the_published_line(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    result = make_index("lai", _bands(test_data, _CHIP, "blue", "red", "nir"), None, tmp_path / "o.tif")
    assert result.statistics is not None
    assert result.statistics.mean == pytest.approx(cases["s2_19_indices"]["lai"]["mean"], abs=1e-9)
    assert len(result.statistics.histogram.counts) == 900


def test_bands_of_another_resolution_are_aligned_by_place_not_by_shape(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    case = cases["s2_19_ndmi_align"]
    expected = case["expected"]["bilinear"]
    result = make_index("ndmi", _bands(test_data, _CHIP, "swir16", "nir"), None, tmp_path / "ndmi.tif")
    found = result.statistics
    assert found is not None
    assert (result.height, result.width) == (200, 300)
    assert (found.valid, found.total) == (expected["valid"], expected["total"])
    for field in ("mean", "std", "min", "max", "p02", "p50", "p98"):
        assert getattr(found, field) == pytest.approx(expected[field], abs=1e-9), field
    assert np.array(found.histogram.counts).reshape(20, 10).sum(axis=1).tolist() == expected["hist20"]
    assert found.mean != pytest.approx(case["trap_naive_same_shape_mean"], abs=1e-3)


def test_the_reference_grid_can_be_stated(test_data: Path, tmp_path: Path) -> None:
    bands = _bands(test_data, _CHIP, "nir", "swir16")
    result = make_index("ndmi", bands, None, tmp_path / "ndmi.tif", reference="swir16")
    assert result.transform == (20.0, 0.0, 600000.0, 0.0, -20.0, 4700020.0)
    # The 10 m chip covers a quarter of the 20 m one; where it doesn't reach nothing is valid.
    assert result.statistics is not None
    assert result.statistics.valid == 15_000
    assert result.statistics.mean == pytest.approx(-0.1183, abs=2e-3)
    with pytest.raises(InvalidInputError, match="no band 'red'"):
        make_index("ndmi", bands, None, tmp_path / "o.tif", reference="red")


def test_a_true_colour_picture_equals_the_independent_stretch(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    expected = cases["rgb_s2_29RKH"]["expected"]
    out = tmp_path / "rgb.tif"
    result = make_rgb(_bands(test_data, _TILE, "blue", "green", "red"), None, out)
    for place, (common, own) in enumerate((("red", "B04"), ("green", "B03"), ("blue", "B02")), start=1):
        low, high = result.parameters["ranges"][common]
        assert (low * 1e4, high * 1e4) == (
            pytest.approx(expected[own]["p2"]),
            pytest.approx(expected[own]["p98"]),
        )
        assert read(out, place).mean() == pytest.approx(expected[own]["mean_uint8"], abs=1e-9)
    is_valid, errors, warnings = cog_validate(out, strict=True)
    assert is_valid, (errors, warnings)
    with rasterio.open(out) as dataset:
        assert dataset.dtypes == ("uint8",) * 4
        assert [color.name for color in dataset.colorinterp] == ["red", "green", "blue", "alpha"]
        assert dataset.descriptions == ("red", "green", "blue", "alpha")
    assert result.preview is not None
    assert (result.preview.width, result.preview.height) == (96, 96)


def test_a_picture_is_transparent_where_clouds_are(test_data: Path, tmp_path: Path) -> None:
    sources = [*_bands(test_data, _TILE, "blue", "green", "red"), _scl(test_data)]
    result = make_rgb(sources, None, tmp_path / "rgb.tif")
    alpha = read(result.path, 4)
    assert set(np.unique(alpha)) == {0.0, 255.0}
    assert int((alpha == 255).sum()) == result.parameters["valid"] == 1_156_652


def test_other_stretches_keep_colours_or_dates_comparable(test_data: Path, tmp_path: Path) -> None:
    bands = _bands(test_data, _TILE, "blue", "green", "red")
    joint = make_rgb(bands, None, tmp_path / "joint.tif", stretch="joint").parameters["ranges"]
    assert joint["red"] == joint["green"] == joint["blue"] == [pytest.approx(0.1215), pytest.approx(0.4204)]
    fixed = make_rgb(bands, None, tmp_path / "fixed.tif", stretch="fixed").parameters["ranges"]
    assert fixed["red"] == [0.0, 0.3]
    with pytest.raises(InvalidInputError, match="no stretch"):
        make_rgb(bands, None, tmp_path / "o.tif", stretch="vivid")  # type: ignore[arg-type]


def test_a_picture_of_a_scene_without_a_clear_pixel_is_an_outcome(test_data: Path, tmp_path: Path) -> None:
    scene = "landsat/LC08_L2SP_001062_20201031/LC08_L2SP_001062_20201031_20201106_02_T2"
    sources = [
        BandSource(
            f"B{number}", str(test_data / f"{scene}_SR_B{number}.TIF"), 2.75e-5, -0.2, 0, mission="LANDSAT_8"
        )
        for number in (2, 3, 4)
    ]
    sources.append(BandSource("QA_PIXEL", str(test_data / f"{scene}_QA_PIXEL.TIF"), 1, 0, None, is_mask=True))
    assert make_rgb(sources, None, tmp_path / "rgb.tif").outcome is Outcome.NO_CLEAR_PIXELS
    assert make_stack(sources, None, tmp_path / "stack.tif").outcome is Outcome.NO_CLEAR_PIXELS


def test_a_stack_holds_reflectance_in_the_order_given(test_data: Path, tmp_path: Path) -> None:
    sources = [*_bands(test_data, _TILE, "nir", "red", "swir16"), _scl(test_data)]
    bbox = BBox(-11.576182346322055, 24.84348223943112, -11.326228684909786, 25.027091556009378)
    result = make_stack(sources, bbox, tmp_path / "stack.tif")
    assert result.bands == ("nir", "red", "swir16")
    assert (result.height, result.width) == (209, 257)
    with rasterio.open(result.path) as dataset:
        assert dataset.descriptions == result.bands
        assert dataset.units == ("reflectance",) * 3
        stack = dataset.read()
    with rasterio.open(test_data / _TILE / "B08.tif") as dataset:
        dn = dataset.read(1)[295:504, 396:653]
    valid = np.isfinite(stack[0])
    assert np.array_equal(valid, np.isfinite(stack[2]))
    assert int(valid.sum()) == result.parameters["valid"]
    assert stack[0][valid] == pytest.approx(dn[valid] * 1e-4, rel=1e-6)
    assert cog_validate(result.path, strict=True)[0]


def test_bounds_outside_the_scene_are_refused_and_nothing_is_written(
    cases: dict[str, Any], test_data: Path, tmp_path: Path
) -> None:
    bbox = BBox(*cases["crop_outside"]["bounds"])
    bands = _bands(test_data, _TILE, "blue", "green", "red", "nir")
    out = tmp_path / "o.tif"
    makers: tuple[Any, ...] = (partial(make_index, "ndvi"), make_rgb, make_stack)
    for make in makers:
        with pytest.raises(OutsideSceneError, match="do not touch the image"):
            make(bands, bbox, out)
    assert list(tmp_path.iterdir()) == []


def test_our_formulas_are_those_of_spyndex() -> None:
    rng = np.random.default_rng(11)
    parameters: dict[str, Any] = {
        name: rng.uniform(0.01, 0.6, 200) for name in ("N", "R", "G", "B", "S1", "S2")
    }
    letters = {"nir": "N", "red": "R", "green": "G", "blue": "B", "swir16": "S1", "swir22": "S2"}
    names = {"ndvi": "NDVI", "gndvi": "GNDVI", "ndwi": "NDWI", "ndmi": "NDMI", "nbr": "NBR", "evi": "EVI",
             "evi2": "EVI2", "savi": "SAVI", "osavi": "OSAVI", "msavi": "MSAVI"}  # fmt: skip
    for own, theirs in names.items():
        index = INDICES[own]
        found = index.compute(**{band: parameters[letters[band]] for band in index.bands})
        soil = 0.5 if own == "savi" else 1.0
        constants = {"g": 2.5, "C1": 6.0, "C2": 7.5, "L": soil}
        compute: Any = spyndex.computeIndex
        oracle = compute(theirs, {**parameters, **constants})
        assert found == pytest.approx(np.asarray(oracle), abs=1e-12), own
