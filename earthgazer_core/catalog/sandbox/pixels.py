"""Pixels of one pass, simulated over time from the real chip.

Phenology: greenness g(t) in [0, 1] follows two rainy seasons a year, g = (1 + cos(4π (d - 319) / 365.25)) / 2
with d the day of the year: 1 in mid-November and mid-May, 0 half-way. Where the chip has vegetation, with
weight w = its NDVI clamped to [0, 1], red grows by 60 % and near infrared falls by 50 % towards g = 0:

    red = chip_red * (1 + 0.6 (1 - g) w)        nir = chip_nir * (1 - 0.5 (1 - g) w)

At g = 1 the chip is left as it was sensed. Blue and green stay. All is rounded to whole dn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from earthgazer_core.catalog.sandbox.chip import CHIP_BANDS
from earthgazer_core.catalog.sandbox.passes import Pass, Role

_CLOUD_SHARE: Final = {Role.CLEAR: 0.04, Role.CLOUDY: 0.6, Role.OFFSET: 0.02, Role.REPROCESSED: 0.06}
_MASKED_CLASSES: Final = (0, 1, 3, 8, 9, 10)
_SHADOW, _VEGETATION, _BARE, _WATER, _CLOUD_MEDIUM, _CLOUD_HIGH = 3, 4, 5, 6, 8, 9
_RED, _NIR = CHIP_BANDS.index("B04"), CHIP_BANDS.index("B08")


@dataclass(frozen=True, slots=True)
class PassPixels:
    """What the satellite saw."""

    dn: npt.NDArray[np.uint16]
    """reflectance * 10000 without an offset, (band, y, x) at 10 m."""
    scl: npt.NDArray[np.uint8]
    """Scene classification, (y, x) at 20 m."""

    @property
    def cloud_cover_percent(self) -> float:
        """Share of cloud classes, 0 to 100."""
        return round(100.0 * float(np.isin(self.scl, (_CLOUD_MEDIUM, _CLOUD_HIGH)).mean()), 3)

    def expected_ndvi(self) -> dict[str, Any]:
        """Return NDVI statistics of the clear pixels, straight from the definition in float64."""
        clear = ~np.isin(self.scl.repeat(2, axis=0).repeat(2, axis=1), _MASKED_CLASSES)
        red, nir = (self.dn[index][clear].astype(np.float64) for index in (_RED, _NIR))
        ndvi = (nir - red) / (nir + red)
        moments = (ndvi.mean(), ndvi.std(), ndvi.min(), ndvi.max()) if ndvi.size else (None,) * 4
        return {
            "valid": int(ndvi.size),
            "total": int(clear.size),
            **{
                name: None if value is None else float(value)
                for name, value in zip(("mean", "std", "min", "max"), moments, strict=True)
            },
        }


def greenness(when: datetime) -> float:
    """Return g(t) of the module's formula, 0 to 1."""
    return (1 + math.cos(4 * math.pi * (when.timetuple().tm_yday - 319) / 365.25)) / 2


def simulate(chip: npt.NDArray[np.uint16], of: Pass) -> PassPixels:
    """Return the pixels of one pass: always the same for the same pass."""
    dn = chip.astype(np.float64)
    if of.role is not Role.REFERENCE:
        weight = np.clip((dn[_NIR] - dn[_RED]) / (dn[_NIR] + dn[_RED]), 0, 1)
        dryness = 1 - greenness(of.sensing_time)
        dn[_RED] *= 1 + 0.6 * dryness * weight
        dn[_NIR] *= 1 - 0.5 * dryness * weight
    scl = _ground_classes(dn)
    clouds = _cloud_thickness(scl.shape, of)
    # The sun stands in the east in the morning: shadows fall some 200 m to the west.
    shadow = np.roll(clouds, (2, -10), axis=(0, 1)) > 0
    scl[shadow] = _SHADOW
    scl[clouds > 0] = _CLOUD_MEDIUM
    scl[clouds > 0.3] = _CLOUD_HIGH
    fine = scl.repeat(2, axis=0).repeat(2, axis=1)
    thickness = clouds.repeat(2, axis=0).repeat(2, axis=1)
    dn[:, fine == _SHADOW] *= 0.45
    is_cloud = thickness > 0
    opacity = 0.5 + 0.5 * np.clip(thickness[is_cloud] / 0.3, 0, 1)
    dn[:, is_cloud] = dn[:, is_cloud] * (1 - opacity) + 6500 * opacity
    return PassPixels(np.maximum(np.rint(dn), 1).astype(np.uint16), scl)


def _ground_classes(dn: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    rows, columns = dn.shape[1] // 2, dn.shape[2] // 2
    coarse = dn[:, : rows * 2, : columns * 2].reshape(len(dn), rows, 2, columns, 2).mean(axis=(2, 4))
    ndvi = (coarse[_NIR] - coarse[_RED]) / (coarse[_NIR] + coarse[_RED])
    return np.where(ndvi < 0, _WATER, np.where(ndvi < 0.35, _BARE, _VEGETATION)).astype(np.uint8)


def _cloud_thickness(shape: tuple[int, ...], of: Pass) -> npt.NDArray[np.float64]:
    if of.role is Role.REFERENCE:
        return np.zeros(shape)
    if of.role is Role.NO_CLEAR_PIXEL:
        return np.ones(shape)
    random = np.random.default_rng(of.number)
    y, x = np.mgrid[: shape[0], : shape[1]]
    field = np.zeros(shape)
    for _ in range(24):
        centre_y, centre_x = random.uniform(0, shape[0]), random.uniform(0, shape[1])
        radius = random.uniform(6, 22)
        field += random.uniform(0.5, 1) * np.exp(
            -((y - centre_y) ** 2 + (x - centre_x) ** 2) / (2 * radius**2)
        )
    thickness: npt.NDArray[np.float64] = field - np.quantile(field, 1 - _CLOUD_SHARE[of.role])
    return thickness
