from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.raster.radiometry import baseline_from_product_id, decide
from earthgazer_core.raster.source import RadiometryDecision

_OLD = datetime(2020, 2, 19, tzinfo=UTC)
_NEW = datetime(2023, 10, 8, tzinfo=UTC)


def _decide(**changes: Any) -> RadiometryDecision:
    given: dict[str, Any] = {
        "mission": "SENTINEL-2A", "level": "L2A", "processing_baseline": None, "sensing_time": _OLD,
        "collection": None, "offset_already_applied": None, "asset_scale": None, "asset_offset": None,
        "asset_nodata": None, "product_id": None,
    }  # fmt: skip
    return decide(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "offset", "reason"),
    [
        ({"processing_baseline": "02.14"}, 0.0, "< 04.00"),
        ({"processing_baseline": "02.14", "offset_already_applied": False, "asset_offset": 0.0}, 0.0,
         "< 04.00"),
        ({"processing_baseline": "04.00", "sensing_time": _NEW}, -0.1, ">= 04.00"),
        ({"processing_baseline": "05.09", "sensing_time": _NEW}, -0.1, ">= 04.00"),
        ({"processing_baseline": "05.00"}, -0.1, ">= 04.00"),
        ({"processing_baseline": "N0510", "sensing_time": _NEW}, -0.1, ">= 04.00"),
        ({"level": "L1C", "processing_baseline": "04.00", "sensing_time": _NEW}, -0.1, ">= 04.00"),
        ({}, 0.0, "before baseline 04.00"),
        ({"product_id": "S2A_MSIL2A_20200219T112111_N0500_R037_T29RKH_20230610T123947"}, -0.1, ">= 04.00"),
        ({"product_id": "S2B_MSIL1C_20220615T101559_N0400_R065_T32UPC_20220615T122314", "sensing_time": _NEW,
          "level": "L1C"}, -0.1, ">= 04.00"),
        ({"collection": "sentinel-2-l2a", "processing_baseline": "05.09", "sensing_time": _NEW,
          "offset_already_applied": True, "asset_scale": 1e-4, "asset_offset": -0.1}, 0.0, "shifted already"),
        ({"collection": "sentinel-2-l2a", "processing_baseline": "05.09", "sensing_time": _NEW,
          "offset_already_applied": False, "asset_scale": 1e-4, "asset_offset": 0.0}, -0.1, ">= 04.00"),
        ({"collection": "sentinel-2-c1-l2a", "sensing_time": _NEW}, -0.1, "always due"),
        ({"collection": "sentinel-2-c1-l2a", "offset_already_applied": True}, -0.1, "always due"),
    ],
)  # fmt: skip
def test_the_offset_of_sentinel2(changes: dict[str, Any], offset: float, reason: str) -> None:
    decision = _decide(**changes)
    assert (decision.scale, decision.offset, decision.nodata) == (1e-4, offset, 0.0)
    assert reason in decision.reason


def test_a_new_capture_without_a_baseline_is_refused() -> None:
    for product_id in (None, "S2A_13TDE_20231008_0_L2A", "S2A_MSIL2A_20231008T175251_N9999_R098_T13TDE_x"):
        with pytest.raises(InvalidInputError, match=r"--baseline 04\.00"):
            _decide(sensing_time=_NEW, product_id=product_id)
    with pytest.raises(InvalidInputError, match="--baseline"):
        _decide(sensing_time=datetime(2022, 1, 25, tzinfo=UTC))


def test_a_baseline_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"expected NN\.NN"):
        _decide(processing_baseline="four")


@pytest.mark.parametrize(
    ("product_id", "baseline"),
    [
        ("S2B_MSIL1C_20220615T101559_N0400_R065_T32UPC_20220615T122314", "04.00"),
        ("S2A_MSIL2A_20200219T112111_N0214_R037_T29RKH_20200219T123947.SAFE", "02.14"),
        ("S2A_OPER_MSI_L2A_DS_MPS__20200219T123947_S20200219T113105_N02.14", "02.14"),
        ("S2A_29RKH_20200219_0_L2A", None),
        ("S2A_MSIL2A_20231008T175251_N9999_R098_T13TDE_20231008T220000", None),
        ("LC08_L2SP_008059_20191201_20200825_02_T1", None),
    ],
)
def test_a_baseline_is_read_from_the_product_id(product_id: str, baseline: str | None) -> None:
    assert baseline_from_product_id(product_id) == baseline


def test_landsat_follows_collection_2() -> None:
    surface = _decide(mission="LANDSAT_8", level="L2SP", sensing_time=_NEW)
    assert (surface.scale, surface.offset, surface.nodata) == (0.0000275, -0.2, 0.0)
    top = _decide(mission="LANDSAT_9", level="L1TP", sensing_time=_NEW)
    assert (top.scale, top.offset) == (0.00002, -0.1)
    declared = _decide(mission="LANDSAT_7", level="L1TP", asset_scale=1.3e-3, asset_offset=-0.009)
    assert (declared.scale, declared.offset) == (1.3e-3, -0.009)
    with pytest.raises(InvalidInputError, match="REFLECTANCE_MULT_BAND"):
        _decide(mission="LANDSAT_7", level="L1TP")


def test_declared_nodata_and_scale_count() -> None:
    assert _decide(asset_nodata=9999.0).nodata == 9999.0
    custom = _decide(asset_scale=1.0, asset_offset=0.0, sensing_time=_NEW)
    assert (custom.scale, custom.offset) == (1.0, 0.0)
    assert "declared" in custom.reason
