"""Which pixels count: True is valid in every mask here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
"""(height, width), True where the pixel is valid."""

SCL_INVALID = (0, 1, 3, 8, 9, 10)
"""No data, saturated or defective, cloud shadow, cloud of medium and high probability, thin cirrus."""
SCL_SNOW = 11
"""Snow or ice: clear sky, so valid unless asked otherwise."""
QA_PIXEL_INVALID_BITS = 0b11111
"""Fill, dilated cloud, cirrus, cloud, cloud shadow: bits 0 to 4 of Landsat Collection 2."""

_SCL_CLASSES = 256


def scl_valid(scl: npt.NDArray[Any], *, snow_is_valid: bool = True) -> Mask:
    """Return where a Sentinel-2 scene classification shows the ground.

    Args:
        scl: Classes 0 to 11, shape (height, width), any integer type.
        snow_is_valid: Whether class 11 counts.

    Returns:
        True where valid: not no-data, saturated, shadow, cloud or cirrus.

    Reference:
        Sentinel-2 Products Specification Document, L2A scene classification.
    """
    table = np.ones(_SCL_CLASSES, dtype=np.bool_)
    table[list(SCL_INVALID)] = False
    table[SCL_SNOW] = snow_is_valid
    table[12:] = False
    classes = np.clip(scl, 0, _SCL_CLASSES - 1).astype(np.uint8)
    valid: Mask = table[classes]
    return valid


def qa_pixel_valid(qa_pixel: npt.NDArray[Any]) -> Mask:
    """Return where Landsat Collection 2 QA_PIXEL shows the ground.

    Args:
        qa_pixel: Bit flags, shape (height, width), uint16.

    Returns:
        True where none of fill, dilated cloud, cirrus, cloud and cloud shadow is set.

    Reference:
        LSDS-1619, Landsat 8-9 Collection 2 Level 2 Science Product Guide, table 6-3.
    """
    flagged = qa_pixel.astype(np.uint16, copy=False) & np.uint16(QA_PIXEL_INVALID_BITS)
    valid: Mask = flagged == 0
    return valid


def nodata_valid(dn: npt.NDArray[Any], nodata: Iterable[float | None]) -> Mask:
    """Return where stored numbers are data, judged before any scale or offset.

    Args:
        dn: Numbers as stored, any type.
        nodata: Each value that means "no data"; None says nothing.

    Returns:
        True where the number is finite and equals none of ``nodata``.
    """
    valid: Mask | None = np.isfinite(dn) if np.issubdtype(dn.dtype, np.floating) else None
    for value in nodata:
        if value is not None and math.isfinite(value):
            # As a whole number, because comparing with a fraction would first convert every pixel.
            known: Mask = dn != (int(value) if float(value).is_integer() else value)
            valid = known if valid is None else np.logical_and(valid, known, out=valid)
    return np.ones(dn.shape, np.bool_) if valid is None else valid
