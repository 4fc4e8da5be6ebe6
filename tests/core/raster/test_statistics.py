from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from earthgazer_core.domain.statistics import Statistics
from earthgazer_core.raster.statistics import Accumulator

Values = npt.NDArray[np.float64]
_EDGES = np.arange(-100, 101) / 100
_NEAR_EDGES = st.integers(-10_050, 10_050).flatmap(
    lambda k: st.sampled_from(
        [k / 10_000, float(np.nextafter(k / 10_000, 9)), float(np.nextafter(k / 10_000, -9))]
    )
)
_VALUES = arrays(np.float64, st.integers(1, 60), elements=st.one_of(st.floats(-9, 9), _NEAR_EDGES))


def _accumulate(pieces: list[Values], **options: int) -> Statistics:
    accumulator = Accumulator(**options)
    for piece in pieces:
        accumulator.add(piece, piece.size)
    return accumulator.result()


@given(_VALUES)
def test_every_number_equals_numpy(values: Values) -> None:
    found = _accumulate([values.copy()])
    inside = values[(values >= -1) & (values <= 1)]
    assert list(found.histogram.counts) == np.histogram(inside, _EDGES)[0].tolist()
    assert (found.below, found.above) == (int((values < -1).sum()), int((values > 1).sum()))
    assert found.valid == values.size == sum(found.histogram.counts) + found.below + found.above
    assert found.mean == pytest.approx(values.mean(), abs=1e-12)
    assert found.std == pytest.approx(values.std(), abs=1e-12)
    assert (found.min, found.max) == (values.min(), values.max())
    assert [found.p02, found.p50, found.p98] == pytest.approx(np.percentile(values, [2, 50, 98]), abs=1e-12)


@given(_VALUES, st.lists(st.integers(0, 60), max_size=5))
def test_how_values_are_cut_does_not_matter(values: Values, cuts: list[int]) -> None:
    whole = _accumulate([values.copy()])
    pieces = _accumulate(
        [piece.copy() for piece in np.split(values, sorted(min(cut, values.size) for cut in cuts))]
    )
    assert pieces.histogram == whole.histogram
    assert (pieces.valid, pieces.min, pieces.max, pieces.below, pieces.above, pieces.p50) == (
        whole.valid, whole.min, whole.max, whole.below, whole.above, whole.p50,
    )  # fmt: skip
    assert pieces.mean == pytest.approx(whole.mean, abs=1e-12)
    assert pieces.std == pytest.approx(whole.std, abs=1e-12)


def _fine(values: Values, low: int, high: int, denominator: float | None) -> npt.NDArray[np.int64]:
    tally = Accumulator(low, high).tally(values.size, denominator)
    tally.add(values)
    return tally.counted().fine


def _searched(values: Values, low: int, high: int) -> npt.NDArray[np.int64]:
    """Return the counts between the outer edges as a plain search of the edges finds them."""
    edges = np.arange(low * 10_000, high * 10_000 + 1) / 10_000
    bins = np.searchsorted(edges, values, side="right") - 1
    return np.bincount(np.minimum(bins, edges.size - 2), minlength=edges.size - 1)


def test_every_ratio_of_small_whole_numbers_is_in_its_fine_bin() -> None:
    q, p = np.meshgrid(np.arange(1.0, 700.0), np.arange(-700.0, 700.0))
    values = (p / q)[np.abs(p) <= q]
    found = _fine(values, -1, 1, 700.0)
    assert np.array_equal(found[10_000:-10_000], _searched(values, -1, 1))
    assert np.array_equal(found, _fine(values, -1, 1, None))


@given(st.lists(st.tuples(st.integers(-10_000, 80_000), st.integers(1, 500_000), st.integers(-2, 2))))
def test_ratios_next_to_any_edge_are_in_their_fine_bins(near: list[tuple[int, int, int]]) -> None:
    # The numerator that comes nearest to the edge, and those beside it.
    pairs = np.array([(edge * q // 10_000 + aside, q) for edge, q, aside in near] or [(0, 1)], np.float64)
    values = pairs[:, 0] / pairs[:, 1]
    for low, high in ((-1, 8), (-1, 1)):
        found = _fine(values, low, high, 500_000.0)
        assert np.array_equal(found, _fine(values, low, high, None))
        inside = values[(values >= low) & (values <= high)]
        assert np.array_equal(found[10_000:-10_000], _searched(inside, low, high))


def test_every_edge_is_in_the_bin_that_it_opens() -> None:
    edges = np.arange(-10_000, 10_001) / 10_000
    assert np.array_equal(_fine(edges, -1, 1, 10_000.0)[10_000:-10_000], _searched(edges, -1, 1))


@pytest.mark.parametrize("spread", [0.05, 0.4, 3.0])
def test_percentiles_beyond_the_bound_come_from_fine_bins(spread: float) -> None:
    values = np.random.default_rng(3).normal(0.2, spread, 200_000)
    accumulator = Accumulator(exact_percentiles=1000)
    for piece in np.split(values, 8):
        accumulator.add(piece, piece.size)
    found = accumulator.result()
    assert "histogram" in accumulator.percentile_method
    for name, percent in (("p02", 2), ("p50", 50), ("p98", 98)):
        exact = float(np.percentile(values, percent))
        # Beyond the histogram bins widen with the square of the distance.
        assert getattr(found, name) == pytest.approx(exact, abs=1e-4 * max(1.0, (abs(exact) + 1) ** 2)), name
    assert found.mean == pytest.approx(values.mean(), abs=1e-12)


def test_a_far_mean_does_not_cost_precision() -> None:
    values = 1e6 + np.random.default_rng(4).normal(0, 1e-3, 50_000)
    found = _accumulate(np.split(values, 7 if values.size % 7 == 0 else 10))
    assert found.std == pytest.approx(values.std(), rel=1e-6)


def test_one_value_many_times_and_beyond_the_bound() -> None:
    accumulator = Accumulator(exact_percentiles=10)
    for _ in range(3):
        accumulator.add(np.full(10, 0.25), 12)
    found = accumulator.result()
    assert (found.p02, found.p50, found.p98, found.std) == (0.25, 0.25, 0.25, 0.0)
    assert (found.valid, found.total) == (30, 36)
    assert found.histogram.counts[125] == 30


def test_nothing_valid_has_no_moments_and_a_histogram_of_zeros() -> None:
    accumulator = Accumulator()
    accumulator.add(np.array([]), 50)
    found = accumulator.result()
    assert (found.valid, found.total, found.mean, found.p50) == (0, 50, None, None)
    assert set(found.histogram.counts) == {0}


def test_the_last_bin_is_closed_and_the_others_are_not() -> None:
    found = _accumulate([np.array([-1.0, 0.0, 0.99, 1.0])])
    counts = found.histogram.counts
    assert (counts[0], counts[100], counts[199]) == (1, 1, 2)
    assert (found.below, found.above) == (0, 0)
