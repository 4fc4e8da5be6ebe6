"""Missions and their bands: which file name means which STAC common name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from earthgazer_core.errors import InvalidInputError

_SENTINEL2_BANDS = MappingProxyType({
    "coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "rededge071": "B05",
    "rededge075": "B06", "rededge078": "B07", "nir": "B08", "nir08": "B8A", "nir09": "B09",
    "cirrus": "B10", "swir16": "B11", "swir22": "B12",
})  # fmt: skip
_OLI_BANDS = MappingProxyType({
    "coastal": "B1", "blue": "B2", "green": "B3", "red": "B4", "nir": "B5", "swir16": "B6",
    "swir22": "B7", "pan": "B8", "cirrus": "B9",
})  # fmt: skip
_TM_BANDS = MappingProxyType({
    "blue": "B1", "green": "B2", "red": "B3", "nir": "B4", "swir16": "B5", "swir22": "B7",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mission:
    """One satellite, the names of its bands and what its files leave unsaid."""

    name: str
    """As in the guide: ``SENTINEL-2A``, ``LANDSAT_8``."""
    family: str
    """``sentinel-2`` or ``landsat``."""
    bands: Mapping[str, str]
    """STAC common name → the product's own band name."""
    mask_band: str
    """``SCL`` or ``QA_PIXEL``."""
    revisit_days: float
    """Days between two passes of this satellite over one place."""

    def band_name(self, text: str) -> str:
        """Return the product's own name of a band given by that name, prefixed or by common name.

        ``B04``, ``b4`` (Sentinel-2), ``SR_B4`` and ``B4`` (Landsat), ``red``, ``SCL`` and ``QA_PIXEL``
        are understood; matching is exact after that, so B1 never means B10 or B11.

        Raises:
            InvalidInputError: this mission has no such band.
        """
        wanted = text.strip()
        upper = wanted.upper()
        if upper == self.mask_band:
            return self.mask_band
        if wanted.lower() in self.bands:
            return self.bands[wanted.lower()]
        upper = upper.removeprefix("SR_").removeprefix("TOA_")
        if self.family == "sentinel-2" and re.fullmatch(r"B[1-9]", upper):
            upper = f"B0{upper[1]}"
        if upper in self.bands.values():
            return upper
        known = ", ".join([*self.bands.values(), self.mask_band])
        raise InvalidInputError(f"{self.name} has no band {text[:80]!r}; it has {known}")

    def common_name(self, band: str) -> str | None:
        """Return the STAC common name of one of this mission's bands, None for its mask."""
        name = self.band_name(band)
        return next((common for common, own in self.bands.items() if own == name), None)

    def default_bands(self) -> tuple[str, ...]:
        """Return blue, green, red and near infrared: what NDVI and RGB need."""
        return tuple(self.bands[common] for common in ("blue", "green", "red", "nir"))


MISSIONS: Mapping[str, Mission] = MappingProxyType(
    {
        mission.name: mission
        for mission in (
            *(Mission(f"SENTINEL-2{unit}", "sentinel-2", _SENTINEL2_BANDS, "SCL", 10) for unit in "ABCD"),
            *(Mission(f"LANDSAT_{unit}", "landsat", _OLI_BANDS, "QA_PIXEL", 16) for unit in (8, 9)),
            *(Mission(f"LANDSAT_{unit}", "landsat", _TM_BANDS, "QA_PIXEL", 16) for unit in (4, 5, 7)),
        )
    }
)
"""Every mission by its name."""


def mission(text: str) -> Mission:
    """Return the mission named, whatever its case and separator (``sentinel-2a``, ``landsat-8``).

    Raises:
        InvalidInputError: no such mission.
    """
    key = re.sub(r"[-_ ]", "", text).upper()
    for name, found in MISSIONS.items():
        if re.sub(r"[-_ ]", "", name) == key:
            return found
    raise InvalidInputError(f"unknown mission {text[:80]!r}; known are {', '.join(MISSIONS)}")
