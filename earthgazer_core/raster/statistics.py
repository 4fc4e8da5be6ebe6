"""Statistics of a band, accumulated while its windows pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from earthgazer_core.domain.statistics import Histogram, Statistics

Values = npt.NDArray[np.float64]
"""Valid values, one dimension."""

BINS_PER_UNIT = 100
"""Histogram bins of 0.01."""
EXACT_PERCENTILES = 8_000_000
"""Up to so many values all are kept and percentiles are exact: 64 MB."""
_FINE = 100
"""Fine bins per histogram bin: 0.0001 wide."""
_ROUNDING = 2.0**-21
"""Of the whole range: how far single precision could place a value wrongly, with a wide margin."""
_BLAS_ONE_THREAD = 8192
"""Products of longer rows are spread over threads that wait busily for each other."""
_PERCENTILES = (2.0, 50.0, 98.0)


@dataclass(frozen=True, slots=True)
class Summary:
    """What one piece adds to the statistics."""

    values: Values
    """Its valid values."""
    mean: float
    """Their mean."""
    m2: float
    """Sum of their squared deviations from it."""
    min: float
    """Smallest."""
    max: float
    """Largest."""
    below: int
    """How many lie below the histogram."""
    above: int
    """How many lie above it."""
    fine: npt.NDArray[np.int64]
    """Count of each fine bin."""


class Accumulator:
    """Moments, histogram and percentiles of values that come in pieces.

    The result does not depend on how the values were cut into pieces, beyond the last digits of the mean
    and the standard deviation. Values are taken as they are: neither rounded nor clipped.

    Args:
        low: Whole number at which the histogram begins.
        high: Whole number at which it ends; the last bin is closed.
        exact_percentiles: Number of values up to which percentiles are exact.
    """

    def __init__(self, low: int = -1, high: int = 1, *, exact_percentiles: int = EXACT_PERCENTILES) -> None:
        self._low, self._high = low, high
        self._exact_limit = exact_percentiles
        fine_per_unit = BINS_PER_UNIT * _FINE
        self._fine_edges = np.arange(low * fine_per_unit, high * fine_per_unit + 1) / fine_per_unit
        # One unit more on either side holds what lies beyond, squeezed: see _squeeze.
        self._fine = np.zeros((high - low + 2) * fine_per_unit, dtype=np.int64)
        self._kept: list[Values] | None = []
        self._total = self._valid = self._below = self._above = 0
        self._mean = self._m2 = 0.0
        self._min, self._max = np.inf, -np.inf

    @property
    def percentile_method(self) -> str:
        """How percentiles are found, for the record."""
        if self._kept is not None:
            return "exact, linear interpolation"
        return f"histogram of bins of {1 / (BINS_PER_UNIT * _FINE):g}, linear interpolation"

    def add(self, values: Values, total: int) -> None:
        """Take the valid values of one piece.

        Args:
            values: Valid, finite values, one dimension; kept by reference, so not to be changed after.
            total: Pixels of the piece, valid or not.
        """
        self.merge(self.summarize(values), total)

    def summarize(self, values: Values) -> Summary | None:
        """Return what valid values add to the statistics; None if there are none.

        It changes nothing here, so that threads may do it side by side.

        Args:
            values: Valid, finite values, one dimension.
        """
        if values.size == 0:
            return None
        mean = float(values.mean())
        low, high = float(values.min()), float(values.max())
        squares = _squares(values - mean)
        if low >= self._low and high <= self._high:
            return Summary(values, mean, squares, low, high, 0, 0, self._counted(self._bins(values)))
        is_below, is_above = values < self._low, values > self._high
        outside = is_below | is_above
        fine = self._counted(self._bins(values[~outside]))
        fine += self._counted(self._squeezed_bins(values[outside]))
        return Summary(values, mean, squares, low, high, int(is_below.sum()), int(is_above.sum()), fine)

    def merge(self, piece: Summary | None, total: int) -> None:
        """Take what a piece adds.

        Args:
            piece: As :meth:`summarize` returned it.
            total: Pixels of the piece, valid or not.
        """
        self._total += total
        if piece is None:
            return
        self._merge_moments(piece)
        self._min, self._max = min(self._min, piece.min), max(self._max, piece.max)
        self._below += piece.below
        self._above += piece.above
        self._fine += piece.fine
        self._valid += piece.values.size
        if self._kept is not None:
            if self._valid <= self._exact_limit:
                self._kept.append(piece.values)
            else:
                self._kept = None

    def result(self) -> Statistics:
        """Return the statistics of everything taken so far."""
        counts = self._fine[BINS_PER_UNIT * _FINE : -BINS_PER_UNIT * _FINE].reshape(-1, _FINE).sum(axis=1)
        edges = np.arange(self._low * BINS_PER_UNIT, self._high * BINS_PER_UNIT + 1) / BINS_PER_UNIT
        histogram = Histogram(tuple(edges.tolist()), tuple(counts.tolist()))
        if self._valid == 0:
            return Statistics(0, self._total, None, None, None, None, None, None, None, 0, 0, histogram)
        p02, p50, p98 = self._percentiles()
        return Statistics(
            valid=self._valid, total=self._total, mean=self._mean,
            std=float(np.sqrt(self._m2 / self._valid)), min=self._min, max=self._max,
            p02=p02, p50=p50, p98=p98, below=self._below, above=self._above, histogram=histogram,
        )  # fmt: skip

    def _merge_moments(self, piece: Summary) -> None:
        """Merge mean and squared deviations as Chan et al. (1983), doi:10.1080/00031305.1983.10483115."""
        count = piece.values.size
        both = self._valid + count
        step = piece.mean - self._mean
        self._m2 += piece.m2 + step * step * (self._valid * count / both)
        self._mean += step * (count / both)

    def _bins(self, values: Values) -> npt.NDArray[np.int32]:
        """Return the fine bin of each value between the outer edges, exact to the last bit.

        Single precision tells the bin of all but those next to an edge; there the edges decide.
        """
        fine_per_unit = BINS_PER_UNIT * _FINE
        position = values.astype(np.float32)
        position *= np.float32(fine_per_unit)
        position += np.float32((1 - self._low) * fine_per_unit)
        bins = position.astype(np.int32)
        position -= bins.astype(np.float32)
        position -= np.float32(0.5)
        reach = 0.5 - len(self._fine) * _ROUNDING
        near = np.flatnonzero(np.abs(position) > reach)
        edge = bins[near] + (position[near] > 0) - fine_per_unit
        np.clip(edge, 0, len(self._fine_edges) - 1, out=edge)
        inner = edge - (values[near] < self._fine_edges[edge])
        bins[near] = np.minimum(inner, len(self._fine_edges) - 2) + fine_per_unit
        return bins

    def _squeezed_bins(self, values: Values) -> npt.NDArray[np.int64]:
        fine_per_unit = BINS_PER_UNIT * _FINE
        squeezed = self._squeeze(values) - (self._low - 1)
        bins = (squeezed * fine_per_unit).astype(np.int64)
        # What is beyond the edge by less than the squeezed scale can tell still belongs beyond it.
        below = values < self._low
        np.minimum(bins, fine_per_unit - 1, out=bins, where=below)
        np.maximum(bins, len(self._fine) - fine_per_unit, out=bins, where=~below)
        return np.clip(bins, 0, len(self._fine) - 1)

    def _squeeze(self, values: Values) -> Values:
        """Map what lies beyond the histogram onto one unit on its side: x → edge ± (1 - 1/(1 + distance))."""
        low_distance = np.maximum(self._low - values, 0.0)
        high_distance = np.maximum(values - self._high, 0.0)
        return (
            np.clip(values, self._low, self._high)
            - (1.0 - 1.0 / (1.0 + low_distance))
            + (1.0 - 1.0 / (1.0 + high_distance))
        )

    def _unsqueeze(self, position: float) -> float:
        if position < self._low:
            return self._low + 1.0 - 1.0 / max(1.0 - (self._low - position), 1e-12)
        if position > self._high:
            return self._high - 1.0 + 1.0 / max(1.0 - (position - self._high), 1e-12)
        return position

    def _counted(self, bins: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
        return np.bincount(bins, minlength=len(self._fine))

    def _percentiles(self) -> tuple[float, float, float]:
        if self._kept is not None:
            p02, p50, p98 = np.percentile(
                np.concatenate(self._kept), _PERCENTILES, overwrite_input=True
            ).tolist()
            return p02, p50, p98
        p02, p50, p98 = (self._percentile_of_bins(percent) for percent in _PERCENTILES)
        return p02, p50, p98

    def _percentile_of_bins(self, percent: float) -> float:
        rank = percent / 100.0 * (self._valid - 1)
        ends = np.cumsum(self._fine)
        at = int(np.searchsorted(ends, rank, side="right"))
        before = int(ends[at - 1]) if at else 0
        within = (rank - before + 0.5) / int(self._fine[at])
        position = self._low - 1 + (at + min(within, 1.0)) / (BINS_PER_UNIT * _FINE)
        return min(max(self._unsqueeze(position), self._min), self._max)


def _squares(deviation: Values) -> float:
    """Return the sum of squares."""
    whole = deviation.size - deviation.size % _BLAS_ONE_THREAD
    rows, rest = deviation[:whole].reshape(-1, _BLAS_ONE_THREAD), deviation[whole:]
    return float(np.vecdot(rows, rows).sum()) + float(rest @ rest)
