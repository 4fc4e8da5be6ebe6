from __future__ import annotations

import numpy as np

from earthgazer_core.raster.masks import nodata_valid, qa_pixel_valid, scl_valid


def test_scl_keeps_ground_water_and_snow() -> None:
    classes = np.arange(13, dtype=np.uint8)
    assert np.flatnonzero(scl_valid(classes)).tolist() == [2, 4, 5, 6, 7, 11]
    assert np.flatnonzero(scl_valid(classes, snow_is_valid=False)).tolist() == [2, 4, 5, 6, 7]


def test_qa_pixel_drops_fill_dilated_cirrus_cloud_and_shadow() -> None:
    flags = np.array(
        [21824, 21952, 1, 22280, 23888, 55052, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5], np.uint16
    )
    assert qa_pixel_valid(flags).tolist() == [True, True, *[False] * 8, True]


def test_nodata_is_judged_on_stored_numbers() -> None:
    dn = np.array([0, 1, 9999, 65535], dtype=np.uint16)
    assert nodata_valid(dn, (0.0, 9999.0)).tolist() == [False, True, False, True]
    assert nodata_valid(dn, (None, None)).all()
    assert nodata_valid(np.array([1.0, np.nan, np.inf, -999.0]), (-999.0, float("nan"))).tolist() == [
        True, False, False, False,
    ]  # fmt: skip


def test_a_nodata_value_that_the_type_cannot_hold_masks_nothing() -> None:
    assert nodata_valid(np.array([0, 255], dtype=np.uint8), (-9999.0, 70000.0)).all()
