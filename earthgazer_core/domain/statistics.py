"""Statistics of one raster band, as computed while it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges: bins are half open but for the last, which is closed."""

    edges: tuple[float, ...]
    """n + 1 edges; 201 doubles nearest k/100 over [-1, 1] for a normalised index."""
    counts: tuple[int, ...]
    """n counts of valid pixels."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Moments over the valid pixels, unquantised and unclipped; None where none is valid."""

    valid: int
    """Valid pixels: the sum of the histogram's counts, ``below`` and ``above``."""
    total: int
    """All pixels."""
    mean: float | None
    """Arithmetic mean."""
    std: float | None
    """Standard deviation of the population (ddof 0)."""
    min: float | None
    """Smallest value."""
    max: float | None
    """Largest value."""
    p02: float | None
    """2nd percentile."""
    p50: float | None
    """Median."""
    p98: float | None
    """98th percentile."""
    below: int
    """Valid pixels below the first edge."""
    above: int
    """Valid pixels above the last edge."""
    histogram: Histogram
    """Counts of the valid pixels."""

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values with the names of the command line."""
        return {
            "valid": self.valid, "total": self.total, "mean": self.mean, "std": self.std,
            "min": self.min, "max": self.max, "p02": self.p02, "p50": self.p50, "p98": self.p98,
            "below": self.below, "above": self.above,
            "histogram": {"edges": list(self.histogram.edges), "counts": list(self.histogram.counts)},
        }  # fmt: skip
