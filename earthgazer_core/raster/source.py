"""Where the values of one band come from, and how its numbers become reflectance."""

from __future__ import annotations

import math
from dataclasses import dataclass

from earthgazer_core.domain.mission import MISSIONS, mission
from earthgazer_core.errors import InvalidInputError

COMMON_NAMES = frozenset(common for known in MISSIONS.values() for common in known.bands)
"""Every STAC common name that a mission of ours has a band for."""

_SENTINEL2 = MISSIONS["SENTINEL-2A"]


@dataclass(frozen=True, slots=True)
class RadiometryDecision:
    """How digital numbers of one product become reflectance, and why."""

    scale: float
    """Reflectance per digital number."""
    offset: float
    """Reflectance added after scaling: reflectance = dn * scale + offset."""
    nodata: float | None
    """Digital number that means "no data" whether or not the file says so; None where none does."""
    reason: str
    """The rule that decided, in one line for the record."""


@dataclass(frozen=True, slots=True)
class BandSource:
    """One band, or one quality mask, of one file."""

    band: str
    """STAC common name (``red``), or the product's own (``B04``, ``SCL``, ``QA_PIXEL``)."""
    path: str
    """File that GDAL opens."""
    scale: float
    """Reflectance = dn * scale + offset."""
    offset: float
    """See ``scale``."""
    nodata: float | None
    """Digital number that means "no data"; the file's own declared value counts as well."""
    is_mask: bool = False
    """Whether these are quality flags, not values."""
    mission: str | None = None
    """Mission whose naming ``band`` follows; needed for Landsat's own names, where B4 is ambiguous."""
    index: int = 1
    """One based index of the band in its file."""

    @property
    def common_name(self) -> str:
        """The STAC common name; for a mask ``scl`` or ``qa_pixel``.

        Raises:
            InvalidInputError: the name means nothing, or several things, without its mission.
        """
        lower = self.band.lower()
        if self.is_mask or lower in COMMON_NAMES:
            return lower
        if self.mission is not None:
            common = mission(self.mission).common_name(self.band)
            return lower if common is None else common
        upper = self.band.upper()
        for common, own in _SENTINEL2.bands.items():
            if own == upper:
                return common
        raise InvalidInputError(
            f"band {self.band!r}: say its mission, or name it by its STAC common name"
            f" ({', '.join(sorted(COMMON_NAMES))})"
        )

    @property
    def shift(self) -> float:
        """What is added to a digital number so that reflectance is the sum times ``scale``.

        Whole where the product defines it so (-1000 for Sentinel-2), which keeps ratios of bands exact:
        (nir - red) / (nir + red) of whole numbers is rounded once, so a pixel on a histogram edge stays
        there.
        """
        shift = self.offset / self.scale
        return float(round(shift)) if math.isclose(shift, round(shift), abs_tol=1e-6) else shift
