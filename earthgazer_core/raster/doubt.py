"""Signs in the pixels that a radiometric decision may be wrong."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from earthgazer_core.raster.reading import Band, Block

DOUBTFUL_SHARE = 0.25
"""More valid pixels than this below zero reflectance make an offset look applied twice."""


class OffsetDoubt:
    """Counts valid pixels that an offset takes below zero.

    Flags of catalogues about offsets already applied are known to be wrong both ways, so pixels are asked:
    a Sentinel-2 scene of which many numbers lie below 1000 where 1000 is due to be taken off had it taken
    off before.
    """

    def __init__(self) -> None:
        self._valid = self._negative = 0

    def add(self, valid: int, negative: int) -> None:
        """Take the counts of one window."""
        self._valid += valid
        self._negative += negative

    def warnings(self) -> list[str]:
        """Return what is doubtful, one line each."""
        share = self._negative / self._valid if self._valid else 0.0
        if share <= DOUBTFUL_SHARE:
            return []
        return [
            f"{share:.0%} of the clear pixels have a reflectance below 0:"
            " the offset may have been applied to these files already"
        ]


def count_negative(block: Block, bands: Iterable[Band]) -> int:
    """Return how many valid pixels have a reflectance below 0 in some band that has an offset."""
    shifted = [band for band in bands if band.source.shift < 0]
    if not shifted:
        return 0
    negative = np.logical_or.reduce([block.numbers[band.name] < _limit(band) for band in shifted])
    return int(np.count_nonzero(block.valid & negative))


def _limit(band: Band) -> float:
    """Return the digital number of no reflectance; a whole one compares without converting every pixel."""
    limit = -band.source.shift
    return int(limit) if limit.is_integer() else limit
