"""How likely a trend is to be chance: the distributions that a trend's tests need, and no more."""

from __future__ import annotations

import math

_CONTINUED_FRACTION_STEPS = 500
_TINY = 1e-300
_EXACT_KENDALL_N = 33
"""Up to so many dates without ties the permutations are counted, beyond them they are all but normal."""


def student_t_p_value(t: float, degrees_of_freedom: int) -> float:
    """Return the two-sided probability of a Student t at least this far from 0."""
    if math.isinf(t):
        return 0.0
    x = degrees_of_freedom / (degrees_of_freedom + t * t)
    return regularized_beta(x, degrees_of_freedom / 2, 0.5)


def kendall_p_value(n: int, discordant: int, ties_x: list[int], ties_y: list[int], score: int) -> float:
    """Return the two-sided probability of Kendall's score under independence.

    Args:
        n: Number of pairs of x and y.
        discordant: Pairs of pairs that go opposite ways.
        ties_x: Size of each group of equal x.
        ties_y: Size of each group of equal y.
        score: Concordant less discordant.

    Reference:
        Kendall (1970), Rank Correlation Methods: exact without ties up to 33, normal with ties' variance
        beyond.
    """
    if not ties_x and not ties_y and n <= _EXACT_KENDALL_N:
        return _kendall_exact(n, discordant)
    x0, x1, x2 = _tie_sums(ties_x)
    y0, y1, y2 = _tie_sums(ties_y)
    m = n * (n - 1)
    variance = (m * (2 * n + 5) - x1 - y1) / 18 + 2 * x0 * y0 / m
    if n > 2:
        variance += x2 * y2 / (9 * m * (n - 2))
    if variance <= 0:
        return 1.0
    return math.erfc(abs(score) / math.sqrt(2 * variance))


def regularized_beta(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function I_x(a, b).

    Reference:
        DLMF 8.17.22, the continued fraction, by Lentz's method.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - regularized_beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return front / a * _beta_fraction(x, a, b)


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _CONTINUED_FRACTION_STEPS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_zero(1 + numerator * d)
            c = _away_from_zero(1 + numerator / c)
            value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _tie_sums(ties: list[int]) -> tuple[float, float, float]:
    """Return the sums over groups of t(t-1)/2, t(t-1)(2t+5) and t(t-1)(t-2)."""
    return (
        sum(t * (t - 1) / 2 for t in ties),
        sum(t * (t - 1) * (2 * t + 5) for t in ties),
        sum(t * (t - 1) * (t - 2) for t in ties),
    )


def _kendall_exact(n: int, discordant: int) -> float:
    """Return the share of permutations of n at least as far from half their inversions."""
    fewer = min(discordant, n * (n - 1) // 2 - discordant)
    counts = [1]
    for size in range(2, n + 1):
        # Inserting one more element adds 0 to size - 1 inversions.
        counts = [
            sum(counts[max(0, total - size + 1) : total + 1])
            for total in range(min(len(counts) + size - 1, fewer + 1))
        ]
    return min(1.0, 2 * sum(counts[: fewer + 1]) / math.factorial(n))
