"""The real Sentinel-2 chip that ships with spyndex, and the nominal place it is given."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import CatalogError

CHIP_BANDS: Final = ("B02", "B03", "B04", "B08")
"""Bands of the chip, in its order."""
CHIP_CRS: Final = "EPSG:32618"
"""Nominal: spyndex does not say where its chip was taken."""
CHIP_MGRS_TILE: Final = "18NVJ"
"""The tile in which the nominal place lies."""
CHIP_LEFT_M: Final = 450_000.0
"""Easting of the left edge."""
CHIP_TOP_M: Final = 350_000.0
"""Northing of the top edge."""
CHIP_SIZE_PX: Final = 300
"""Rows and columns of 10 m."""
CHIP_BBOX: Final = BBox(-75.450015, 3.139289, -75.423004, 3.166441)
"""Extent in lon/lat."""
SANDBOX_LOCATION: Final = ("sandbox", BBox(-75.4506, 3.1387, -75.4224, 3.1670))
"""Name and rectangle of the location that a new sandbox watches: the chip with a margin of some 60 m,
so that crops are clamped to the scene and known statistics hold with and without one."""

_UNUSABLE = "spyndex's sample chip {path} can't be used: {reason}; install spyndex again"


def read_chip() -> npt.NDArray[np.uint16]:
    """Return the chip's surface reflectance as dn = reflectance * 10000, (band, y, x), none of it nodata.

    The values are whole numbers up to some 5000 and spyndex's own examples divide them by 10000:
    they are digital numbers of a product older than baseline 04.00, without an offset.

    Raises:
        CatalogError: spyndex, or its sample, is missing or not what is expected.
    """
    path = _chip_path()
    try:
        chip = np.array(orjson.loads(path.read_bytes()), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise CatalogError(_UNUSABLE.format(path=path, reason=error)) from error
    if chip.shape != (len(CHIP_BANDS), CHIP_SIZE_PX, CHIP_SIZE_PX):
        raise CatalogError(_UNUSABLE.format(path=path, reason=f"its shape is {chip.shape}"))
    if not (chip.min() > 0 and chip.max() < 20_000 and np.array_equal(chip, np.rint(chip))):
        raise CatalogError(_UNUSABLE.format(path=path, reason="its values are no reflectance * 10000"))
    return chip.astype(np.uint16)


def _chip_path() -> Path:
    # The package is found, not imported: importing spyndex reads megabytes of tables.
    found = importlib.util.find_spec("spyndex")
    if found is None or found.origin is None:
        raise CatalogError("the sandbox needs the package spyndex: pip install spyndex")
    return Path(found.origin).parent / "data" / "S2_10m.json"
