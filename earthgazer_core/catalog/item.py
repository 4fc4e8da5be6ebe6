"""A STAC item as a capture: what a catalogue says, in our words."""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import Any, Final

from earthgazer_core.catalog.item_assets import band_assets
from earthgazer_core.catalog.item_fields import ItemFields
from earthgazer_core.domain.capture import Capture
from earthgazer_core.domain.mission import Mission, mission
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.hosts import Hosts

_KEPT: Final = (
    "created", "updated", "gsd", "instruments", "s2:granule_id", "s2:datatake_id", "s2:generation_time",
    "s2:nodata_pixel_percentage", "view:sun_azimuth", "view:sun_elevation", "landsat:scene_id",
    "landsat:collection_category", "sat:relative_orbit", "sat:orbit_state",
)  # fmt: skip
_LONGEST_VALUE: Final = 500
_LONGEST_LIST: Final = 20
_PUBLIC: Final = Hosts()
_LANDSAT_LEVELS: Final = {"L2SP": "L2SP", "L2SR": "L2SP", "L1TP": "L1TP"}


def capture_of(
    item: object, *, source: str, allow_local: bool = False, hosts: Hosts = _PUBLIC
) -> Capture | None:
    """Return the capture that a STAC item (1.0, 1.1 or older) describes.

    Args:
        item: The item's JSON, untrusted, with absolute asset addresses.
        source: Name of the catalogue.
        allow_local: Whether assets may be files of this machine, and on any host: the operator's own words.
        hosts: Where assets may lie otherwise.

    Returns:
        The capture, or None for an item of a mission that isn't ours (radar, elevation, …).

    Raises:
        CatalogError: a field can't be used; the message names item and field.
    """
    fields = ItemFields(item)
    platform = fields.text("platform", "eo:platform")
    if platform is None:
        raise fields.problem("properties.platform", "is missing")
    try:
        of = mission(platform)
    except InvalidInputError:
        return None
    product_id = _product_id(fields, of)
    collection = fields.collection()
    return Capture(
        mission=of.name,
        product_id=product_id,
        sensing_time=fields.sensing_time(),
        level=_level(fields, of, product_id, collection),
        assets=band_assets(fields, of, hosts=None if allow_local else hosts),
        bbox=fields.bbox(),
        processing_baseline=_baseline(fields, product_id) if of.family == "sentinel-2" else None,
        cloud_cover_percent=_cloud_cover(fields),
        mgrs_tile=_mgrs_tile(fields, product_id) if of.family == "sentinel-2" else None,
        wrs_path=fields.integer("landsat:wrs_path") if of.family == "landsat" else None,
        wrs_row=fields.integer("landsat:wrs_row") if of.family == "landsat" else None,
        source=source,
        collection=collection,
        offset_already_applied=fields.flag("earthsearch:boa_offset_applied"),
        metadata=_metadata(fields),
    )


def _product_id(fields: ItemFields, of: Mission) -> str:
    own = fields.text("s2:product_uri" if of.family == "sentinel-2" else "landsat:product_id")
    if own is not None:
        return fields.name("product id", own.removesuffix(".SAFE"))
    return fields.name("id", fields.item_id)


def _level(fields: ItemFields, of: Mission, product_id: str, collection: str | None) -> str:
    if of.family == "landsat":
        stated = fields.text("landsat:correction", "landsat:processing_level")
        in_name = re.search(r"_(L2SP|L2SR|L1TP)_", product_id)
        level = _LANDSAT_LEVELS.get(stated or (in_name[1] if in_name else ""))
        if level is None:
            raise fields.problem("landsat:correction", f"names no level that we can use: {stated!r}")
        return level
    hints = (fields.text("s2:product_type"), product_id, collection)
    for hint in hints:
        found = re.search(r"(?:S2MSI|MSIL|_L|-l)(1C|2A)", hint or "", flags=re.IGNORECASE)
        if found is not None:
            return f"L{found[1].upper()}"
    raise fields.problem("s2:product_type", "does not tell whether it is L1C or L2A")


def _baseline(fields: ItemFields, product_id: str) -> str | None:
    stated = fields.text("s2:processing_baseline")
    if stated is not None:
        found = re.fullmatch(r"(\d{1,2})\.(\d{2})", stated)
        if found is None:
            raise fields.problem("properties.s2:processing_baseline", f"is no NN.NN: {stated[:80]!r}")
        return f"{int(found[1]):02d}.{found[2]}"
    in_name = re.search(r"_N(\d{2})(\d{2})_", product_id)
    return f"{in_name[1]}.{in_name[2]}" if in_name else None


def _cloud_cover(fields: ItemFields) -> float | None:
    share = fields.number("eo:cloud_cover")
    if share is not None and not 0 <= share <= 100:
        # Landsat says -1 where it was not computed.
        if share == -1:
            return None
        raise fields.problem("properties.eo:cloud_cover", f"is no share of 0 to 100: {share!r}")
    return share


def _mgrs_tile(fields: ItemFields, product_id: str) -> str | None:
    stated = fields.text("s2:mgrs_tile", "grid:code")
    if stated is None:
        zone, letter = fields.integer("mgrs:utm_zone"), fields.text("mgrs:latitude_band")
        square = fields.text("mgrs:grid_square")
        in_name = re.search(r"_T(\d{2}[A-Z]{3})_", product_id)
        stated = f"{zone}{letter}{square}" if zone and letter and square else in_name[1] if in_name else None
    if stated is None:
        return None
    tile = re.fullmatch(r"(?:MGRS-)?(\d{1,2})([C-X][A-Z]{2})", stated)
    if tile is None:
        raise fields.problem("MGRS tile", f"{stated[:80]!r} is none")
    return f"{int(tile[1]):02d}{tile[2]}"


def _metadata(fields: ItemFields) -> MappingProxyType[str, Any]:
    kept = {name: fields.properties.get(name) for name in _KEPT}
    return MappingProxyType(
        {"item_id": fields.item_id, **{name: value for name, value in kept.items() if _is_plain(value)}}
    )


def _is_plain(value: object) -> bool:
    """Whether a value is worth keeping: what isn't small and plain is no property of an image."""
    match value:
        case bool():
            return True
        case int():
            return abs(value) < 1 << 53
        case float():
            return math.isfinite(value)
        case str():
            return len(value) <= _LONGEST_VALUE and value.isprintable()
        case list():
            return len(value) <= _LONGEST_LIST and all(
                isinstance(one, str) and _is_plain(one) for one in value
            )
        case _:
            return False
