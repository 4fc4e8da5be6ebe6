"""Statistics of a band, accumulated while its windows pass."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earthgazer_core.domain.statistics import Histogram, Statistics

Values = npt.NDArray[np.float64]
"""Valid values, one dimension."""
Bins = npt.NDArray[np.intp]
"""Number of the fine bin of each value."""

BINS_PER_UNIT = 100
"""Histogram bins of 0.01."""
EXACT_PERCENTILES = 8_000_000
"""Up to so many values all are kept and percentiles are exact: 64 MB."""
_FINE = 100
"""Fine bins per histogram bin: 0.0001 wide."""
_FINE_PER_UNIT = BINS_PER_UNIT * _FINE
_ROUNDING = 1e-9
"""Of a fine bin: how far double precision could place a value wrongly, with a wide margin."""
_PART = 1 << 15
"""Values taken at once: few enough for the arrays in between to stay in a processor's own cache."""
_BLAS_ONE_THREAD = 8192
"""Products of longer rows are spread over threads that wait busily for each other."""
_PERCENTILES = (2.0, 50.0, 98.0)
_LARGEST_DENOMINATOR = 500_000
"""Of ratios that lie clearly apart from the edges of fine bins, unless on them: see `Tally._place_ratios`."""
_NUDGE = 1e-6
"""Of a fine bin: half of the least distance of such a ratio from an edge, far above what rounding does."""
_STEEP = 1e-3
"""Share of a sum of squares that must be left without the mean for its last digits not to matter."""


class Tally:
    """What the values of one piece add to the statistics; each thread has its own.

    Args:
        low: Whole number at which the histogram begins.
        high: Whole number at which it ends.
        room: Values that may come.
        spare: Memory for bins; what it uses is given back once it is counted.
        keeps: Whether all are kept.
        denominator: The largest there may be, where each value is the double nearest to a ratio of whole
            numbers; None where that is not so.
    """

    def __init__(
        self, low: int, high: int, room: int, spare: list[Bins], *, keeps: bool,
        denominator: float | None = None,
    ) -> None:  # fmt: skip
        self._low, self._high = low, high
        self._is_ratio = denominator is not None and denominator <= _LARGEST_DENOMINATOR
        self._bins, self._spare = _taken(spare, room), spare
        self.values: list[Values] | None = [] if keeps else None
        """All of them, if they are kept."""
        self.count = 0
        """How many there are."""
        self.mean = self.m2 = 0.0
        """Their mean, and the sum of their squared deviations from it."""
        self.min, self.max = np.inf, -np.inf
        self.below = self.above = 0
        """How many lie beyond the histogram."""
        self.fine: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        """Count of each fine bin, once it is :meth:`counted`."""

    def add(self, values: Values) -> None:
        """Take values.

        Args:
            values: Valid, finite values, one dimension; kept by reference, so not to be changed after.
        """
        if values.size == 0:
            return
        mean = float(np.add.reduce(values)) / values.size
        squares = _squares(values)
        deviation = squares - values.size * mean * mean
        if not deviation > _STEEP * squares:
            deviation = _squares(values - mean)
        self.merge_moments(values.size, mean, deviation)
        low, high = float(np.minimum.reduce(values)), float(np.maximum.reduce(values))
        self.min, self.max = min(self.min, low), max(self.max, high)
        bins = self._bins[self.count : self.count + values.size]
        self.count += values.size
        if low >= self._low and high <= self._high:
            place = self._place_ratios if self._is_ratio else self._place
            place(values, bins)
        else:
            is_below, is_above = values < self._low, values > self._high
            self.below += int(is_below.sum())
            self.above += int(is_above.sum())
            self._place(np.clip(values, self._low, self._high), bins)
            outside = is_below | is_above
            bins[outside] = self._squeezed(values[outside])
        if self.values is not None:
            self.values.append(values)

    def counted(self) -> Tally:
        """Return it with its fine bins counted; no more values may come."""
        self.fine = np.bincount(self._bins[: self.count], minlength=_fine_bins(self._low, self._high))
        self._spare.append(self._bins)
        self._bins = np.empty(0, dtype=np.intp)
        return self

    def merge_moments(self, count: int, mean: float, m2: float) -> None:
        """Merge mean and squared deviations; :attr:`count` is still that of before."""
        self.mean, self.m2 = _merged((self.count, self.mean, self.m2), (count, mean, m2))

    def _place(self, values: Values, bins: Bins) -> None:
        """Find the fine bin of each value between the outer edges, exact to the last bit.

        A product tells the bin of all but those next to an edge; there the edges decide.
        """
        position = values * _FINE_PER_UNIT
        position += (1 - self._low) * _FINE_PER_UNIT
        np.copyto(bins, position, casting="unsafe")
        position -= np.rint(position)
        near = np.flatnonzero(np.abs(position, out=position) < _ROUNDING)
        if not near.size:
            return
        # An edge is the double nearest to a multiple of a bin's width.
        number = np.rint(values[near] * _FINE_PER_UNIT)
        number -= values[near] < number / _FINE_PER_UNIT
        np.minimum(number, self._high * _FINE_PER_UNIT - 1, out=number)
        bins[near] = number + (1 - self._low) * _FINE_PER_UNIT

    def _place_ratios(self, values: Values, bins: Bins) -> None:
        """Find what :meth:`_place` does, for values that are p / q with whole numbers p and q.

        An edge is k / 10000, so p / q lies on it or, as a multiple of 1 / q, at least 1 / q ≥ 2e-6 of a fine
        bin away; that is far more than two doubles of this size are apart, so a value compares with an edge
        as p / q does. The position in fine bins, up to 1e5, is off by less than 1e-10. Moved up by half that
        distance it is above the edge on which it lies, and still below one that it does not reach.
        """
        position = values * _FINE_PER_UNIT
        position += (1 - self._low) * _FINE_PER_UNIT + _NUDGE
        np.copyto(bins, position, casting="unsafe")
        # The last bin is closed.
        if self.max == self._high:
            np.minimum(bins, (self._high - self._low + 1) * _FINE_PER_UNIT - 1, out=bins)

    def _squeezed(self, values: Values) -> Bins:
        squeezed = _squeeze(values, self._low, self._high) - (self._low - 1)
        bins = (squeezed * _FINE_PER_UNIT).astype(np.intp)
        last = _fine_bins(self._low, self._high) - 1
        # What is beyond the edge by less than the squeezed scale can tell still belongs beyond it.
        below = values < self._low
        np.minimum(bins, _FINE_PER_UNIT - 1, out=bins, where=below)
        np.maximum(bins, last + 1 - _FINE_PER_UNIT, out=bins, where=~below)
        return np.clip(bins, 0, last)


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
        self._fine = np.zeros(_fine_bins(low, high), dtype=np.int64)
        # Memory that was never touched costs more than what is done in it.
        self._spare: list[Bins] = []
        self._kept: list[Values] | None = []
        self._total = self._valid = self._below = self._above = 0
        self._mean = self._m2 = 0.0
        self._min, self._max = np.inf, -np.inf

    @property
    def percentile_method(self) -> str:
        """How percentiles are found, for the record."""
        if self._kept is not None:
            return "exact, linear interpolation"
        return f"histogram of bins of {1 / _FINE_PER_UNIT:g}, linear interpolation"

    def add(self, values: Values, total: int) -> None:
        """Take the valid values of one piece.

        Args:
            values: Valid, finite values, one dimension; kept by reference, so not to be changed after.
            total: Pixels of the piece, valid or not.
        """
        tally = self.tally(values.size)
        for begin in range(0, values.size, _PART):
            tally.add(values[begin : begin + _PART])
        self.merge(tally.counted(), total)

    def tally(self, room: int, denominator: float | None = None) -> Tally:
        """Return what a thread can gather values in, at most so many; nothing is counted here yet.

        Args:
            room: Values that may come.
            denominator: See :class:`Tally`.
        """
        keeps = self._kept is not None
        return Tally(self._low, self._high, room, self._spare, keeps=keeps, denominator=denominator)

    def merge(self, piece: Tally, total: int) -> None:
        """Take what a piece adds.

        Args:
            piece: A tally that is counted.
            total: Pixels of the piece, valid or not.
        """
        self._total += total
        self._mean, self._m2 = _merged(
            (self._valid, self._mean, self._m2), (piece.count, piece.mean, piece.m2)
        )
        self._min, self._max = min(self._min, piece.min), max(self._max, piece.max)
        self._below += piece.below
        self._above += piece.above
        self._fine += piece.fine
        self._valid += piece.count
        if self._kept is not None and piece.values is not None and self._valid <= self._exact_limit:
            self._kept.extend(piece.values)
        else:
            self._kept = None

    def result(self) -> Statistics:
        """Return the statistics of everything taken so far."""
        counts = self._fine[_FINE_PER_UNIT:-_FINE_PER_UNIT].reshape(-1, _FINE).sum(axis=1)
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

    def _unsqueeze(self, position: float) -> float:
        if position < self._low:
            return self._low + 1.0 - 1.0 / max(1.0 - (self._low - position), 1e-12)
        if position > self._high:
            return self._high - 1.0 + 1.0 / max(1.0 - (position - self._high), 1e-12)
        return position

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
        position = self._low - 1 + (at + min(within, 1.0)) / _FINE_PER_UNIT
        return min(max(self._unsqueeze(position), self._min), self._max)


def _taken(spare: list[Bins], room: int) -> Bins:
    try:
        bins = spare.pop()
    except IndexError:
        return np.empty(room, dtype=np.intp)
    return bins if bins.size >= room else np.empty(room, dtype=np.intp)


def _fine_bins(low: int, high: int) -> int:
    # One unit more on either side holds what lies beyond, squeezed: see _squeeze.
    return (high - low + 2) * _FINE_PER_UNIT


def _squeeze(values: Values, low: int, high: int) -> Values:
    """Map what lies beyond the histogram onto one unit on its side: x → edge ± (1 - 1/(1 + distance))."""
    low_distance = np.maximum(low - values, 0.0)
    high_distance = np.maximum(values - high, 0.0)
    squeezed: Values = (
        np.clip(values, low, high) - (1.0 - 1.0 / (1.0 + low_distance)) + (1.0 - 1.0 / (1.0 + high_distance))
    )
    return squeezed


_Moments = tuple[int, float, float]
"""Count, mean, sum of squared deviations from it."""


def _merged(one: _Moments, other: _Moments) -> tuple[float, float]:
    """Merge mean and squared deviations as Chan et al. (1983), doi:10.1080/00031305.1983.10483115."""
    both = one[0] + other[0]
    if both == 0:
        return one[1:]
    step = other[1] - one[1]
    share = other[0] / both
    return one[1] + step * share, one[2] + other[2] + step * step * one[0] * share


def _squares(deviation: Values) -> float:
    """Return the sum of squares."""
    whole = deviation.size - deviation.size % _BLAS_ONE_THREAD
    rows, rest = deviation[:whole].reshape(-1, _BLAS_ONE_THREAD), deviation[whole:]
    return float(np.vecdot(rows, rows).sum()) + float(rest @ rest)
