"""What a hostile catalogue must not achieve: stop the sound items, lead elsewhere, or take all memory."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from earthgazer_core.catalog.item import capture_of
from earthgazer_core.catalog.selection import Selection, Told
from earthgazer_core.catalog.stac_api import StacApiCatalog
from earthgazer_core.catalog.stac_static import StaticCatalog
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import CatalogError
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import CatalogSettings
from tests.campaigns.catalogue_forge import page_of, sentinel2_item
from tests.core.storage.web_server import Answer, WebServer

WORLD = BBox(-180, -90, 180, 90)
API = CatalogSettings(collections=(), timeout_s=2)
ITEM = sentinel2_item("https://example.com")


def changed(*path: str, to: object) -> dict[str, Any]:
    item = copy.deepcopy(ITEM)
    place: Any = item
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    return item


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def found_beside(item: object) -> tuple[int, list[CatalogError]]:
    """How many captures come of a sound item with this one before it, and what is told of it."""
    problems: list[CatalogError] = []
    selection = Selection(WORLD, None, None, None, 100, Hosts())
    told = [Told(one, "test") for one in (item, sentinel2_item("https://example.com", 7))]
    return len(list(selection.captures(told, problems.append))), problems


@pytest.mark.parametrize(
    "item",
    [
        changed("properties", "eo:cloud_cover", to=10**400),
        changed("assets", "B04", "file:size", to=10**400),
        changed("assets", "B04", "file:size", to=1 << 60),
        changed("bbox", to=[10**400] * 4),
        changed("id", to=nested(960)),
        changed("properties", "datetime", to=nested(960)),
        changed("assets", "B04", "href", to="https://example.com/B04.tif\0"),
        changed("assets", "B04", "href", to="https://example.com/\ud800/B04.tif"),
        changed("assets", "B04", "href", to="https://example.com/" + "a" * 10_000 + "/B04.tif"),
        changed("assets", "B04", "href", to="http://[::1/B04.tif"),
        changed("assets", "B04", "href", to="http://127.0.0.1:6379/B04.tif"),
        changed("assets", "B04", "href", to="http://169.254.169.254/B04.tif"),
        changed("assets", "B04", "href", to="http://localhost/B04.tif"),
    ],
)
def test_a_bad_item_never_stops_the_sound_ones(item: object) -> None:
    count, problems = found_beside(item)
    assert count == 1
    assert len(problems) == 1
    assert "\n" not in str(problems[0])
    assert len(str(problems[0])) < 1000


@pytest.mark.parametrize(
    "geometry", ["x", 5, [], [1], {"type": "Polygon", "coordinates": [[[10**400, 0]]]}, {"type": ["Polygon"]}]
)
def test_a_footprint_that_is_none_is_not_held_against_its_item(geometry: object) -> None:
    assert found_beside(changed("geometry", to=geometry)) == (2, [])


def test_what_is_kept_of_an_item_is_small_and_plain() -> None:
    item = copy.deepcopy(ITEM)
    item["id"] = "a\0b"
    item["properties"] |= {
        "created": "\0", "updated": "a" * 10_000, "gsd": float("nan"), "instruments": nested(900),
        "s2:datatake_id": {"a": 1}, "view:sun_azimuth": 10**30, "view:sun_elevation": 61.5,
        "sat:orbit_state": "\ud800", "s2:granule_id": ["a", "b"],
    }  # fmt: skip
    capture = capture_of(item, source="test")
    assert capture is not None
    assert {name: value for name, value in capture.metadata.items() if name != "s2:generation_time"} == {
        "item_id": "a?b", "view:sun_elevation": 61.5, "s2:granule_id": ["a", "b"]
    }  # fmt: skip


def test_endless_rubbish_is_given_up() -> None:
    with pytest.raises(CatalogError, match="1000 items can't be used; the first"):
        list(
            Selection(WORLD, None, None, None, 100, Hosts()).captures(
                (Told(None, "test") for _ in range(100_000)), lambda _: None
            )
        )


def serve(server: WebServer, answer: Callable[[], object]) -> None:
    server.routes["/search"] = lambda _: Answer(200, {}, json.dumps(answer()).encode())


def leading(server: WebServer, **link: object) -> dict[str, Any]:
    return page_of(sentinel2_item(server.url), links=[{"rel": "next", **link}])


def test_pages_in_a_circle_end(web: WebServer) -> None:
    serve(web, lambda: leading(web, href=f"{web.url}/search?again"))
    with pytest.raises(CatalogError, match="lead in a circle"):
        list(StacApiCatalog(web.url, API).search(WORLD, None, None))
    assert len(web.requests) == 2


@pytest.mark.parametrize("link", [{}, {"method": "POST", "body": {}}, {"method": "DELETE"}])
def test_the_next_page_lies_on_no_other_host_of_this_network(web: WebServer, link: dict[str, Any]) -> None:
    elsewhere = WebServer()
    elsewhere.start()
    try:
        serve(web, lambda: leading(web, href=f"{elsewhere.url}/search", **link))
        with pytest.raises(CatalogError):
            list(StacApiCatalog(web.url, API).search(WORLD, None, None))
        web.routes["/search"] = lambda _: Answer(302, {"Location": f"{elsewhere.url}/search"})
        with pytest.raises(CatalogError, match="lies in this network"):
            list(StacApiCatalog(web.url, API).search(WORLD, None, None))
        with pytest.raises(CatalogError, match="lies in this network"):
            list(StaticCatalog(f"{web.url}/search", API).search(WORLD, None, None))
        assert elsewhere.requests == []
    finally:
        elsewhere.stop()


def test_a_page_has_a_largest_size(web: WebServer) -> None:
    web.routes["/search"] = lambda _: Answer(200, {}, b" " * (17 << 20))
    with pytest.raises(CatalogError, match="too large"):
        list(StacApiCatalog(web.url, API).search(WORLD, None, None))


def test_a_redirect_to_what_is_no_address_is_told(web: WebServer) -> None:
    web.routes["/search"] = lambda _: Answer(302, {"Location": "http://[::1"})
    with pytest.raises(CatalogError):
        list(StacApiCatalog(web.url, API).search(WORLD, None, None))
    with pytest.raises(CatalogError):
        list(StaticCatalog(f"{web.url}/search", API).search(WORLD, None, None))


def test_a_document_of_a_server_is_not_trusted_because_one_on_disk_led_to_it(
    web: WebServer, tmp_path: Path
) -> None:
    theirs = copy.deepcopy(ITEM)
    theirs["assets"]["B04"]["href"] = "file:///etc/hostname"
    web.files["/theirs.json"] = json.dumps(
        {**page_of(theirs), "type": "Catalog", "links": [{"rel": "item", "href": "file:///etc/hostname"}]}
    ).encode()
    web.files["/item.json"] = json.dumps(theirs).encode()
    web.files["/sound.json"] = json.dumps(sentinel2_item(web.url, 3)).encode()
    own = sentinel2_item(tmp_path.as_uri(), 4)
    (tmp_path / "own.json").write_text(json.dumps(own))
    links = [f"{web.url}/{name}.json" for name in ("theirs", "item", "sound")] + ["own.json"]
    root = tmp_path / "catalog.json"
    root.write_text(
        json.dumps({"type": "Catalog", "links": [{"rel": "child", "href": href} for href in links]})
    )
    problems: list[CatalogError] = []
    catalog = StaticCatalog(str(root), CatalogSettings(timeout_s=2), on_problem=problems.append)
    found = {capture.source: capture for capture in catalog.search(WORLD, None, None)}
    # A server's own files may lie in this network only where the operator says so.
    assert set(found) == {str(root)}
    assert found[str(root)].assets[0].href.startswith("file://")
    assert len(problems) == 3
    named = CatalogSettings(timeout_s=2, hosts=("127.0.0.1",))
    sources = {capture.source for capture in StaticCatalog(str(root), named).search(WORLD, None, None)}
    assert sources == {str(root), f"{web.url}/sound.json"}
