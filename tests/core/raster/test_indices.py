from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.raster.indices import (
    INDICES,
    evi,
    gndvi,
    index_named,
    lai,
    msavi,
    nbr,
    ndmi,
    ndvi,
    normalized_difference,
    savi,
)  # fmt: skip

Values = npt.NDArray[np.float64]
_BANDS = arrays(np.float64, 6, elements=st.floats(-0.2, 1.6))


def _array(rows: list[list[float | None]]) -> Values:
    return np.array(rows, dtype=np.float64)


@pytest.fixture
def qgis(cases: dict[str, Any]) -> dict[str, Values]:
    """Real Landsat 8 numbers, as put into the QGIS raster calculator."""
    return {name: _array(rows) for name, rows in cases["qgis_small_arrays"]["inputs"].items()}


@pytest.mark.parametrize("name", ["ndvi", "ndmi", "nbr", "evi"])
def test_an_index_equals_the_qgis_raster_calculator(
    cases: dict[str, Any], qgis: dict[str, Values], name: str
) -> None:
    expected = _array(cases["qgis_small_arrays"]["expected"][name]["values"])
    found = {
        "ndvi": lambda: ndvi(nir=qgis["nir"], red=qgis["red"]),
        "ndmi": lambda: ndmi(nir=qgis["nir"], swir16=qgis["swir1"]),
        "nbr": lambda: nbr(nir=qgis["nir"], swir22=qgis["swir2"]),
        "evi": lambda: evi(nir=qgis["nir"], red=qgis["red"], blue=qgis["blue"]),
    }[name]()
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert found == pytest.approx(expected, rel=2e-6, nan_ok=True)


def test_nothing_over_nothing_is_not_a_number() -> None:
    zero = np.zeros((2, 2))
    assert np.isnan(ndvi(nir=zero, red=zero)).all()
    assert np.isnan(normalized_difference(zero + 1, zero - 1)).all()


def test_hand_computed_pixels() -> None:
    nir, red, blue = np.array([[0.5, 0.3]]), np.array([[0.1, 0.3]]), np.array([[0.05, 0.1]])
    assert ndvi(nir=nir, red=red) == pytest.approx(np.array([[2 / 3, 0.0]]))
    assert savi(nir=nir, red=red) == pytest.approx(np.array([[0.6 / 1.1, 0.0]]))
    assert evi(nir=nir, red=red, blue=blue) == pytest.approx(np.array([[1.0 / 1.725, 0.0]]))
    assert lai(nir=nir, red=red, blue=blue) == pytest.approx(np.array([[3.618 / 1.725 - 0.118, -0.118]]))


@given(_BANDS, _BANDS)
def test_a_normalised_difference_of_positive_bands_stays_within_one(one: Values, other: Values) -> None:
    found = normalized_difference(np.abs(one), np.abs(other))
    assert (np.abs(found[np.isfinite(found)]) <= 1).all()


@given(_BANDS, _BANDS)
def test_swapping_the_bands_swaps_the_sign(one: Values, other: Values) -> None:
    assert np.array_equal(
        normalized_difference(one, other), -normalized_difference(other, one), equal_nan=True
    )


@given(_BANDS, _BANDS, _BANDS)
def test_not_a_number_goes_through_and_shapes_stay(nir: Values, red: Values, blue: Values) -> None:
    nir[0] = np.nan
    for found in (
        ndvi(nir=nir, red=red),
        gndvi(nir=nir, green=red),
        evi(nir=nir, red=red, blue=blue),
        msavi(nir=nir, red=red),
    ):
        assert np.isnan(found[0])
        assert found.shape == nir.shape
        assert not np.isinf(found).any()


def test_inputs_are_left_as_they_were() -> None:
    nir, red = np.array([0.5, np.nan]), np.array([0.1, 0.0])
    ndvi(nir=nir, red=red)
    assert nir[0] == 0.5
    assert red.tolist() == [0.1, 0.0]


def test_an_unknown_index_lists_the_known() -> None:
    with pytest.raises(InvalidInputError, match=r"there are ndvi, .*lai"):
        index_named("greenness")
    assert index_named(" NDVI ").bands == ("nir", "red")


@pytest.mark.parametrize("name", sorted(name for name, index in INDICES.items() if index.is_ratio))
@given(st.lists(st.integers(-33_000, 67_000), min_size=2, max_size=2))
def test_a_ratio_of_whole_numbers_is_rounded_once_and_its_denominator_is_their_sum(
    name: str, numbers: list[int]
) -> None:
    index = INDICES[name]
    bands = dict(zip(index.bands, numbers, strict=True))
    (found,) = index.compute(**{band: np.array([number], np.float64) for band, number in bands.items()})
    one, other = numbers
    if one + other == 0:
        assert np.isnan(found)
    else:
        assert abs(found) == abs(float(Fraction(one - other, one + other)))
