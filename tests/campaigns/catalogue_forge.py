"""Catalogue answers made to do harm: sound ones edited at random, and documents that are hard to read."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

Json = Any
"""Whatever JSON can say."""


def sentinel2_item(base: str, number: int = 0) -> dict[str, Json]:
    """Return a sound item of Sentinel-2."""
    product = f"S2A_MSIL2A_20200615T100031_N0214_R122_T33TWM_2020061{number % 10}T{number:06d}"
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": product, "collection": "sentinel-2-l2a",
        "bbox": [15.0, 44.2, 16.4, 45.2],
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[15.0, 44.2], [16.4, 44.2], [16.4, 45.2], [15.0, 45.2], [15.0, 44.2]]],
        },
        "properties": {
            "datetime": "2020-06-15T10:00:31Z", "platform": "sentinel-2a", "instruments": ["msi"],
            "eo:cloud_cover": 12.5, "s2:product_uri": f"{product}.SAFE", "s2:product_type": "S2MSI2A",
            "s2:processing_baseline": "02.14", "grid:code": "MGRS-33TWM", "created": "2020-06-16T00:00:00Z",
            "s2:generation_time": "2020-06-15T12:00:00Z", "view:sun_elevation": 61.5,
            "earthsearch:boa_offset_applied": False,
        },
        "assets": {
            band: {
                "href": f"{base}/{band}.tif", "type": "image/tiff; application=geotiff", "roles": ["data"],
                "eo:bands": [{"name": band, "common_name": common}], "file:size": 12345,
                "file:checksum": "1220" + "0" * 64,
                "raster:bands": [{"nodata": 0, "scale": 0.0001, "offset": 0}],
            }
            for band, common in (("B04", "red"), ("B08", "nir"))
        },
        "links": [{"rel": "self", "href": f"{base}/item.json"}],
    }  # fmt: skip


def landsat_item(base: str) -> dict[str, Json]:
    """Return a sound item of Landsat."""
    item = sentinel2_item(base)
    product = "LC08_L2SP_190028_20200615_20200824_02_T1"
    item |= {"id": product, "collection": "landsat-c2-l2"}
    item["properties"] = {
        "datetime": "2020-06-15T09:45:31Z", "platform": "landsat-8", "eo:cloud_cover": -1,
        "landsat:product_id": product, "landsat:correction": "L2SP", "landsat:wrs_path": "190",
        "landsat:wrs_row": "028",
    }  # fmt: skip
    item["assets"] = {
        "red": {**item["assets"]["B04"], "href": f"{base}/{product}_SR_B4.TIF", "eo:bands": [{"name": "B4"}]},
        "qa": {"href": f"{base}/{product}_QA_PIXEL.TIF", "type": "image/tiff"},
    }
    return item


def page_of(*items: Json, links: Json = ()) -> dict[str, Json]:
    """Return a page of a search."""
    return {"type": "FeatureCollection", "features": list(items), "links": list(links)}


def nasty_values(trap: str) -> list[Json]:
    """Return values that are none, too large, of another kind, or that lead elsewhere."""
    deep: Json = "x"
    for _ in range(400):
        deep = [deep]
    return [
        None, True, False, 0, -1, 1e308, -1e-320, 10**30, 10**400, float("nan"), float("inf"), -float("inf"),
        1 << 53, 1 << 63, "", " ", "\0", "a\0b", "\ud800", "\x1b[31m", "\u202e", "a" * 300_000, "0" * 5000,
        "NaN", "../../../etc/passwd", "/etc/passwd", "..", ".", "a/b", "C:\\x", "%2e%2e%2f", "~root",
        "file:///etc/passwd", f"file://localhost{'/etc/passwd'}", f"{trap}/x.tif", f"{trap}/B04.tif",
        f"http://localhost:{trap.rsplit(':', 1)[1]}/B04.tif", "http://[::1", "http://", "http://[x]/B04.tif",
        "http:///B04.tif", "http://a:99999999/B04.tif", "s3://", "s3://a/../../x.tif", "gs://b/B04.tif",
        "/vsicurl/http://x/B04.tif", "ftp://x/B04.tif", "javascript:1", "data:image/tiff;base64,AAAA",
        "http://169.254.169.254/B04.tif", "2020-13-45T99:99:99Z", "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00", "99.99", "N0214", [], {}, [None], [[]], {"a": None}, [1, 2, 3, 4],
        [10**400] * 4, [float("nan")] * 4, [-180, -90, 180, 90], ["1", "2", "3", "4"], deep,
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": [[[10**400, 0]]]}, {"type": "MultiPolygon", "coordinates": deep},
        {"href": f"{trap}/B04.tif"},
    ]  # fmt: skip


def mutants(items: list[dict[str, Json]], random_: random.Random, trap: str) -> Iterator[Json]:
    """Yield items in which a few places are changed, without end."""
    values = nasty_values(trap)
    while True:
        item: Json = copy.deepcopy(random_.choice(items))
        for _ in range(random_.choice((1, 1, 1, 2, 4))):
            item = _changed(item, random_, values)
        yield item


def _changed(item: Json, random_: random.Random, values: list[Json]) -> Json:
    known = list(places(item))
    if not known:
        return random_.choice(values)
    # The places that are named in the code lie near the root; those far below are many.
    path = min(random_.sample(known, min(2, len(known))), key=len)
    parent = item
    for step in path[:-1]:
        parent = parent[step]
    what = random_.random()
    if what < 0.15 and isinstance(parent, dict):
        del parent[path[-1]]
    elif what < 0.2 and isinstance(parent, dict):
        parent[str(random_.choice(values))[:100]] = parent.pop(path[-1])
    else:
        parent[path[-1]] = copy.deepcopy(random_.choice(values))
    return item


def places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value within a document."""
    if len(path) > 8:
        return
    steps: list[Any] = []
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list):
        steps = list(range(len(value)))
    for step in steps:
        yield (*path, step)
        yield from places(value[step], (*path, step))


def flipped(text: bytes, random_: random.Random) -> bytes:
    """Return a document of which some bytes are others, or some are missing."""
    data = bytearray(text)
    for _ in range(random_.choice((1, 3, 20))):
        at = random_.randrange(len(data))
        match random_.randrange(3):
            case 0:
                data[at] = random_.choice(b'{}[]",:0-e.\\u\xff\x00 ')
            case 1:
                del data[at : at + random_.choice((1, 10, 1000))]
            case _:
                data[at:at] = random_.choice((b"[" * 2000, b"{", b"1e999", b"NaN", b'"\\ud800"', b"9" * 5000))
        if not data:
            break
    return bytes(data)


def dumped(value: Json) -> bytes:
    """Return JSON as lenient servers write it, with NaN, Infinity and lone halves of characters."""
    return json.dumps(value).encode()


def hard_documents(base: str) -> Iterator[tuple[str, bytes]]:
    """Yield documents that are hard to read."""
    item = dumped(sentinel2_item(base))
    around = (b'{"type":"FeatureCollection","links":[],"features":[', b"]}")
    yield "nothing", b""
    yield "no-json", b"<html>hello</html>"
    yield "a-list", b"[]"
    yield "a-number", b"1"
    yield "null", b"null"
    yield "not-utf-8", b'{"type":"\xff\xfe"}'
    yield "utf-16", '{"type":"Catalog"}'.encode("utf-16")
    yield "nested-without-end", b"[" * 200_000
    yield "nested-objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    for depth in (100, 300, 500, 700, 800, 850, 900, 925, 950, 965, 975, 985):
        nest = b"[" * depth + b"]" * depth
        yield f"nested-{depth}", around[0] + item.replace(b"12.5", nest) + around[1]
        yield f"geometry-{depth}", around[0] + item.replace(b"[[[15.0", nest + b",[[[15.0", 1) + around[1]
        yield (
            f"id-{depth}",
            around[0] + item.replace(b'"id": "', b'"id": ' + nest + b', "x": "', 1) + around[1],
        )
    yield "many-digits", around[0] + item.replace(b"12.5", b"9" * 100_000) + around[1]
    yield "a-million-nothings", around[0] + b",".join([b"{}"] * 1_000_000) + around[1]
    yield "a-million-numbers", around[0] + b",".join([b"1"] * 1_000_000) + around[1]
    yield "features-no-list", b'{"type":"FeatureCollection","features":{"a":1},"links":[]}'
    yield "links-no-list", b'{"type":"FeatureCollection","features":[{}],"links":{"rel":"next"}}'
    yield "links-of-numbers", b'{"type":"FeatureCollection","features":[{}],"links":[1]}'
    yield "hundred-mb", around[0] + b'"' + b"a" * 100_000_000 + b'"' + around[1]
    ring = b",".join([b"[15,45]"] * 1_000_000)
    coordinates = item[item.index(b'"coordinates"') : item.index(b'"properties"')]
    yield (
        "a-million-corners",
        around[0] + item.replace(coordinates, b'"coordinates": [[' + ring + b"]]}, ") + around[1],
    )
