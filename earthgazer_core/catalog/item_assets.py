"""Which assets of a STAC item are the bands of its mission."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from earthgazer_core.catalog.item_fields import ItemFields
from earthgazer_core.domain.capture import Asset
from earthgazer_core.domain.mission import Mission
from earthgazer_core.errors import InvalidInputError, RefusedError
from earthgazer_core.hosts import Hosts

_ALIASES: Final[Mapping[str, Mapping[str, str]]] = {
    "sentinel-2": {"rededge1": "rededge071", "rededge2": "rededge075", "rededge3": "rededge078"},
    # The near infrared of Landsat is as narrow as Sentinel-2's B8A, so STAC calls it nir08.
    "landsat": {"nir08": "nir"},
}
_AMBIGUOUS: Final = frozenset({"rededge"})
"""Common names that providers give to several bands of one mission."""
_IMAGE_SUFFIXES: Final = (".tif", ".tiff", ".jp2")
_SCHEME_RANK: Final = {"https": 0, "http": 0, "file": 0, "s3": 1, "gs": 1}
_LONGEST_HREF: Final = 8192
_SHA256_MULTIHASH: Final = re.compile(r"1220([0-9a-fA-F]{64})")


def band_assets(fields: ItemFields, mission: Mission, *, hosts: Hosts | None) -> tuple[Asset, ...]:
    """Return one asset per band: GeoTIFF before JPEG 2000, http before buckets, fine before coarse.

    Args:
        fields: The item.
        mission: Its mission.
        hosts: Where assets may lie; None for anywhere, files of this machine included.

    Raises:
        CatalogError: an asset of a band has fields that can't be used, or no asset is a band.
    """
    best: dict[str, tuple[tuple[int, int, int], str, Mapping[str, Any]]] = {}
    for key, asset in fields.assets().items():
        href = asset.get("href")
        if not isinstance(href, str) or not _is_image(asset, href):
            continue
        band = _band(fields, mission, str(key), asset, href)
        if band is None:
            continue
        rank = (int(_suffix(href) == ".jp2"), _SCHEME_RANK.get(_scheme(href), 2), _named_resolution_m(href))
        if band not in best or rank < best[band][0]:
            best[band] = (rank, str(key), asset)
    if not best:
        raise fields.problem("assets", f"hold no band of {mission.name}")
    return tuple(_asset(fields, band, key, asset, hosts) for band, (_, key, asset) in sorted(best.items()))


def _asset(fields: ItemFields, band: str, key: str, asset: Mapping[str, Any], hosts: Hosts | None) -> Asset:
    raster = _raster(asset)
    where = f"assets.{key}"
    href = asset["href"]
    if _scheme(href) not in _SCHEME_RANK:
        raise fields.problem(f"{where}.href", f"is no http, s3, gs or file address: {href[:80]!r}")
    if len(href) > _LONGEST_HREF or not href.isprintable():
        raise fields.problem(f"{where}.href", f"is no usable address: {href[:80]!r}")
    if hosts is not None:
        if _scheme(href) == "file":
            raise fields.problem(f"{where}.href", "points at a file of this machine, which no server may do")
        try:
            hosts.check(href)
        except RefusedError as error:
            raise fields.problem(f"{where}.href", f"is not allowed: {error}") from None
    size = fields.finite(f"{where}.file:size", asset.get("file:size"))
    if size is not None and not (0 <= size < 1 << 53 and size == int(size)):
        raise fields.problem(f"{where}.file:size", f"is no length: {size!r}")
    checksum = asset.get("file:checksum")
    digest = _SHA256_MULTIHASH.fullmatch(checksum) if isinstance(checksum, str) else None
    nodata = raster.get("nodata", asset.get("nodata"))
    return Asset(
        band=band,
        href=href,
        scale=fields.finite(f"{where} scale", raster.get("scale", raster.get("raster:scale"))),
        offset=fields.finite(f"{where} offset", raster.get("offset", raster.get("raster:offset"))),
        nodata=None if isinstance(nodata, str) else fields.finite(f"{where} nodata", nodata),
        sha256=digest[1].lower() if digest else None,
        size_bytes=None if size is None else int(size),
    )


def _band(fields: ItemFields, mission: Mission, key: str, asset: Mapping[str, Any], href: str) -> str | None:
    aliases = _ALIASES[mission.family]
    for candidate in _candidates(fields, key, asset, href):
        wanted = re.sub(r"^(OLI|ETM|TM)_", "", candidate)
        wanted = aliases.get(wanted.lower(), wanted)
        if wanted.lower() in _AMBIGUOUS:
            continue
        try:
            return mission.band_name(wanted)
        except InvalidInputError:
            continue
    return None


def _candidates(fields: ItemFields, key: str, asset: Mapping[str, Any], href: str) -> Iterator[str]:
    """Yield what may be the band's name, the surest first; nothing for an image of several bands."""
    described = _described(fields, asset)
    if len(described) > 1:
        return
    for entry in described:
        yield from (name for name in (entry.get("name"),) if isinstance(name, str))
    stem = PurePosixPath(unquote(_path(href))).stem
    file_name = re.search(r"(?:^|_)((?:SR_)?B[0-9][0-9A]?|SCL|QA_PIXEL)(?:_[0-9]{2}m)?$", stem)
    if file_name is not None:
        yield file_name[1]
    yield re.sub(r"([-.](jp2|tif))$", "", key, flags=re.IGNORECASE)
    for entry in described:
        common = entry.get("common_name", entry.get("eo:common_name"))
        yield from (name for name in (common,) if isinstance(name, str))


def _described(fields: ItemFields, asset: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the descriptions of an asset's bands: ``bands`` of STAC 1.1, else ``eo:bands``."""
    entries = asset.get("bands") or asset.get("eo:bands") or ()
    if not isinstance(entries, list | tuple):
        return ()
    shared = fields.properties.get("eo:bands")
    found = []
    for entry in entries:
        # Before STAC 1.0 an asset had indices into the item's list.
        if isinstance(entry, int) and isinstance(shared, list) and 0 <= entry < len(shared):
            entry = shared[entry]
        found.append(entry if isinstance(entry, Mapping) else {})
    return found


def _raster(asset: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("raster:bands", "bands"):
        entries = asset.get(name)
        if isinstance(entries, list) and entries and isinstance(entries[0], Mapping):
            # In STAC 1.1 what all bands share may stand with the asset itself.
            return {**asset, **entries[0]}
    return asset


def _is_image(asset: Mapping[str, Any], href: str) -> bool:
    media = asset.get("type")
    roles = asset.get("roles")
    if isinstance(roles, list) and {"thumbnail", "overview", "metadata"} & {str(role) for role in roles}:
        return False
    says_image = isinstance(media, str) and ("tiff" in media or "jp2" in media)
    return _suffix(href) in _IMAGE_SUFFIXES or says_image


def _named_resolution_m(href: str) -> int:
    found = re.search(r"_([0-9]{2})m\.", href)
    return int(found[1]) if found else 0


def _suffix(href: str) -> str:
    return PurePosixPath(_path(href)).suffix.lower()


def _path(href: str) -> str:
    try:
        return urlsplit(href).path
    except ValueError:
        return ""


def _scheme(href: str) -> str:
    try:
        return urlsplit(href).scheme.lower()
    except ValueError:
        return ""
