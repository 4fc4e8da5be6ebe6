"""The one place that decides how digital numbers of a product become reflectance."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from earthgazer_core.domain.mission import Mission
from earthgazer_core.domain.mission import mission as mission_named
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.raster.source import RadiometryDecision

_S2_SCALE = 1e-4
_S2_OFFSET = -0.1
_S2_OFFSET_FROM = (4, 0)
"""Processing baseline 04.00 brought RADIO_ADD_OFFSET and BOA_ADD_OFFSET of -1000."""
_S2_BASELINE_0400_DATE = datetime(2022, 1, 25, tzinfo=UTC)
"""First day of baseline 04.00 in operation."""
_S2_ALWAYS_OFFSET = frozenset({"sentinel-2-c1-l2a"})
"""Collections whose pixels are stored as ESA delivered them, all of baseline 05.00 or later."""
_CUSTOM_BASELINE = "99.99"
"""N9999 marks products made with a toolbox; it says nothing about the offset."""
_LANDSAT_SR = (0.0000275, -0.2)
_OLI_TOA = (0.00002, -0.1)


def decide(
    *,
    mission: str,
    level: str,
    processing_baseline: str | None,
    sensing_time: datetime,
    collection: str | None,
    offset_already_applied: bool | None,
    asset_scale: float | None,
    asset_offset: float | None,
    asset_nodata: float | None,
    product_id: str | None,
) -> RadiometryDecision:
    """Return scale, offset and nodata of a product's bands, with the rule that decided.

    Args:
        mission: Name of a mission.
        level: ``L1C``, ``L2A``, ``L2SP`` or ``L1TP``.
        processing_baseline: Sentinel-2 ``NN.NN``; None where it isn't known.
        sensing_time: Aware time of sensing.
        collection: STAC collection it was found in; None for files.
        offset_already_applied: ``earthsearch:boa_offset_applied``; None where nothing is said.
        asset_scale: Scale that the catalogue or the file declares.
        asset_offset: Offset that the catalogue or the file declares.
        asset_nodata: "No data" value that the catalogue declares.
        product_id: The provider's identity, which may hold the baseline.

    Returns:
        The decision; reflectance = dn * scale + offset, and ``nodata`` is judged before that.

    Raises:
        InvalidInputError: nothing can be told for sure; the message says what to give.
    """
    family = mission_named(mission)
    if family.family == "sentinel-2":
        return _sentinel2(
            processing_baseline, sensing_time, collection, offset_already_applied,
            asset_scale, asset_offset, asset_nodata, product_id,
        )  # fmt: skip
    return _landsat(family, level, asset_scale, asset_offset, asset_nodata)


def baseline_from_product_id(product_id: str) -> str | None:
    """Return the processing baseline ``NN.NN`` that a Sentinel-2 product id holds, or None.

    ``S2B_MSIL1C_20220615T101559_N0400_R065_T32UPC_20220615T122314`` holds 04.00. Earth Search's own ids
    hold none, and N9999 (made with a toolbox) tells none.
    """
    found = re.search(r"_N(\d{2})\.?(\d{2})(?=[_.]|$)", product_id)
    if found is None:
        return None
    baseline = f"{found[1]}.{found[2]}"
    return None if baseline == _CUSTOM_BASELINE else baseline


def _sentinel2(
    baseline: str | None, sensing_time: datetime, collection: str | None, already: bool | None,
    scale: float | None, offset: float | None, nodata: float | None, product_id: str | None,
) -> RadiometryDecision:  # fmt: skip
    nodata = 0.0 if nodata is None else nodata
    if scale is not None and not math.isclose(scale, _S2_SCALE, rel_tol=1e-6):
        reason = f"declared scale {scale:g} and offset {offset or 0:g} of a reprocessed product"
        return RadiometryDecision(scale, offset or 0.0, nodata, reason)
    if collection in _S2_ALWAYS_OFFSET:
        return RadiometryDecision(
            _S2_SCALE, _S2_OFFSET, nodata, f"collection {collection}: offset always due"
        )
    if already:
        return RadiometryDecision(
            _S2_SCALE, 0.0, nodata, "catalogue says that the pixels are shifted already"
        )
    told = baseline or (baseline_from_product_id(product_id) if product_id else None)
    if told is None:
        if sensing_time >= _S2_BASELINE_0400_DATE:
            raise InvalidInputError(
                f"{product_id or 'this Sentinel-2 capture'}: sensed on {sensing_time:%Y-%m-%d}, when"
                " an offset of -1000 may be due, and its processing baseline can't be told;"
                " give it (--baseline 04.00)"
            )
        reason = f"sensed on {sensing_time:%Y-%m-%d}, before baseline 04.00: no offset (baseline not told)"
        return RadiometryDecision(_S2_SCALE, 0.0, nodata, reason)
    if _baseline_number(told) >= _S2_OFFSET_FROM:
        return RadiometryDecision(
            _S2_SCALE, _S2_OFFSET, nodata, f"baseline {told} >= 04.00: offset -1000 due"
        )
    return RadiometryDecision(_S2_SCALE, 0.0, nodata, f"baseline {told} < 04.00: no offset due")


def _baseline_number(baseline: str) -> tuple[int, int]:
    found = re.fullmatch(r"N?(\d{2})\.?(\d{2})", baseline.strip())
    if found is None:
        raise InvalidInputError(f"processing baseline {baseline!r}: expected NN.NN, as in 04.00")
    return int(found[1]), int(found[2])


def _landsat(
    mission: Mission, level: str, scale: float | None, offset: float | None, nodata: float | None
) -> RadiometryDecision:
    nodata = 0.0 if nodata is None else nodata
    if scale is not None and offset is not None and (scale, offset) != (1.0, 0.0):
        return RadiometryDecision(scale, offset, nodata, f"declared scale {scale:g} and offset {offset:g}")
    if level == "L2SP":
        return RadiometryDecision(*_LANDSAT_SR, nodata, "Landsat Collection 2 surface reflectance")
    if level == "L1TP" and mission.name in ("LANDSAT_8", "LANDSAT_9"):
        reason = "Landsat 8-9 Collection 2 top-of-atmosphere reflectance, sun angle not corrected for"
        return RadiometryDecision(*_OLI_TOA, nodata, reason)
    raise InvalidInputError(
        f"{mission.name} {level}: scale and offset differ from scene to scene; give those of its MTL file"
        " (REFLECTANCE_MULT_BAND, REFLECTANCE_ADD_BAND)"
    )
