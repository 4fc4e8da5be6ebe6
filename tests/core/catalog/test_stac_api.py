"""A STAC API: recorded answers over real HTTP, pages, refusals and nonsense."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from earthgazer_core.catalog import open_catalog
from earthgazer_core.catalog.stac_api import StacApiCatalog
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import CatalogError, InvalidInputError, NotFoundError, RemoteUnavailableError
from earthgazer_core.settings import CatalogSettings
from tests.core.storage.web_server import Answer, Request, WebServer

BRAZIL = BBox(-41, -6, -37, -3)
COLORADO = BBox(-105.2, 40.1, -105.0, 40.2)
EVERYWHERE = CatalogSettings(collections=(), timeout_s=2)


def page(test_data: Path, name: str, server: WebServer) -> dict[str, Any]:
    """A recorded answer whose links lead to our server."""
    text = (test_data / "stac" / "recorded" / f"{name}.json").read_text()
    answer: dict[str, Any] = json.loads(text)["response"]
    for link in answer["links"]:
        link["href"] = link["href"].replace("https://earth-search.aws.element84.com/v1", server.url)
    return answer


def serve(server: WebServer, answer: Callable[[Request], object]) -> None:
    server.routes["/search"] = lambda request: Answer(
        200, {"Content-Type": "application/geo+json"}, json.dumps(answer(request)).encode()
    )


@pytest.fixture
def two_pages(web: WebServer, test_data: Path) -> WebServer:
    """Two recorded pages linked by a ``next`` token, then an end."""
    first = page(test_data, "TestCLISearch.test_filter_inprocess_01", web)
    second = page(test_data, "TestCLISearch.test_filter_inprocess_02", web)
    token = next(link["body"]["next"] for link in first["links"] if link["rel"] == "next")
    last = {"type": "FeatureCollection", "features": [], "links": []}

    def answer(request: Request) -> object:
        body = request.json()
        if "next" not in body:
            return first
        return second if body["next"] == token else last

    serve(web, answer)
    return web


def test_pages_are_followed_and_each_product_comes_once(two_pages: WebServer) -> None:
    found = list(StacApiCatalog(two_pages.url, EVERYWHERE).search(BRAZIL, None, None))
    assert len(two_pages.requests) == 3
    products = [(capture.mission, capture.product_id) for capture in found]
    assert len(products) == len(set(products))
    assert {capture.level for capture in found} == {"L1C", "L2A"}
    assert all(capture.bbox and capture.bbox.intersects(BRAZIL) for capture in found)
    assert {capture.source for capture in found} == {two_pages.url}


def test_what_is_asked_is_what_the_settings_say(two_pages: WebServer) -> None:
    settings = CatalogSettings(
        url=two_pages.url, kind="stac-api", max_cloud_cover_percent=30, collections=("a", "b")
    )
    start = datetime(2025, 7, 31, tzinfo=UTC)
    catalog = open_catalog(settings, Path("/nowhere"))
    found = list(catalog.search(BRAZIL, start, None, missions={"SENTINEL-2B"}))
    asked = [request.json() for request in two_pages.requests if "bbox" in request.json()]
    assert [body["collections"] for body in asked] == [["a"], ["b"]]
    assert asked[0]["bbox"] == [-41, -6, -37, -3]
    assert asked[0]["datetime"] == "2025-07-31T00:00:00Z/.."
    assert asked[0]["query"] == {"eo:cloud_cover": {"lte": 30}}
    assert found
    assert all((capture.cloud_cover_percent or 0) <= 30 for capture in found)


def test_filters_hold_even_where_the_api_ignores_them(two_pages: WebServer) -> None:
    catalog = StacApiCatalog(two_pages.url, EVERYWHERE)
    assert list(catalog.search(COLORADO, None, None)) == []
    assert list(catalog.search(BRAZIL, None, datetime(2025, 7, 1, tzinfo=UTC))) == []
    assert list(catalog.search(BRAZIL, None, None, missions=["LANDSAT_8"])) == []


def test_sentinel_and_landsat_of_one_search(web: WebServer, test_data: Path) -> None:
    answer = page(test_data, "test_multiple_collections_00", web)
    answer["links"] = []
    serve(web, lambda request: answer)
    found = list(StacApiCatalog(web.url + "/", EVERYWHERE).search(COLORADO, None, None))
    assert [capture.mission for capture in found] == ["SENTINEL-2A", "LANDSAT_8"]


def test_the_footprint_decides_not_its_bounding_box(web: WebServer, test_data: Path) -> None:
    answer = page(test_data, "test_multiple_collections_00", web)
    answer["links"] = []
    serve(web, lambda request: answer)
    # The north-west corner of the Landsat scene's box, which its slanted footprint leaves free.
    corner = BBox(-105.6, 41.3, -105.5, 41.38)
    assert list(StacApiCatalog(web.url, EVERYWHERE).search(corner, None, None)) == []


def test_a_box_across_the_antimeridian_is_asked_for_in_two(web: WebServer, test_data: Path) -> None:
    answer = page(test_data, "TestItemSearch.test_datetime_results_00", web)
    serve(web, lambda request: {**answer, "links": []})
    found = list(StacApiCatalog(web.url, EVERYWHERE).search(BBox(165, 50, -170, 65), None, None))
    assert [request.json()["bbox"] for request in web.requests] == [[165, 50, 180, 65], [-180, 50, -170, 65]]
    assert found
    assert len({capture.product_id for capture in found}) == len(found)


def test_the_first_collection_of_the_settings_wins(web: WebServer, test_data: Path) -> None:
    items = page(test_data, "TestCLISearch.test_filter_inprocess_01", web)["features"]

    def answer(request: Request) -> object:
        wanted = request.json()["collections"]
        return {"features": [item for item in items if item["collection"] in wanted], "links": []}

    serve(web, answer)
    for order in (("sentinel-2-l2a", "sentinel-2-c1-l2a"), ("sentinel-2-c1-l2a", "sentinel-2-l2a")):
        found = list(StacApiCatalog(web.url, CatalogSettings(collections=order)).search(BRAZIL, None, None))
        # Of the tiles recorded, 24MUV stands in both.
        assert [c.collection for c in found if c.mgrs_tile == "24MUV"] == [order[0]]


def test_a_limit_that_was_reached_is_told(two_pages: WebServer) -> None:
    problems: list[CatalogError] = []
    settings = CatalogSettings(collections=(), max_items=12)
    catalog = StacApiCatalog(two_pages.url, settings, on_problem=problems.append)
    list(catalog.search(BRAZIL, None, None))
    assert len(two_pages.requests) == 2
    assert "first 12 items" in str(problems[-1])


def test_a_bad_item_is_told_and_the_others_go_on(web: WebServer, test_data: Path) -> None:
    answer = page(test_data, "test_multiple_collections_00", web)
    bad = copy.deepcopy(answer["features"][0])
    bad["id"], bad["properties"]["datetime"] = "the-bad-one", 7
    features = [bad, "nonsense", None, *answer["features"]]
    serve(web, lambda request: {"features": features, "links": []})
    problems: list[CatalogError] = []
    catalog = StacApiCatalog(web.url, EVERYWHERE, on_problem=problems.append)
    assert len(list(catalog.search(COLORADO, None, None))) == 2
    assert len(problems) == 3
    assert "the-bad-one" in str(problems[0])
    assert "properties.datetime" in str(problems[0])


def test_a_page_without_a_usable_item_is_an_error(web: WebServer, test_data: Path) -> None:
    answer = page(test_data, "test_fields_00", web)
    answer["links"] = []
    serve(web, lambda request: answer)
    with pytest.raises(CatalogError, match="none of the 10 items found can be used"):
        list(StacApiCatalog(web.url, EVERYWHERE).search(COLORADO, None, None))


@pytest.mark.parametrize(
    ("answer", "error", "wait"),
    [
        (Answer(429, {"Retry-After": "9"}), RemoteUnavailableError, 9),
        (Answer(503), RemoteUnavailableError, None),
        (Answer(404), CatalogError, None),
        (Answer(403), CatalogError, None),
        (Answer(400, {}, b"secret detail"), CatalogError, None),
        (Answer(200, {}, b"<html>"), CatalogError, None),
        (Answer(200, {}, b"[]"), CatalogError, None),
        (Answer(200, {}, b"\xff\xfe"), CatalogError, None),
        (Answer(200, {}, b'{"features": 5}'), CatalogError, None),
        (Answer(200, {}, b'{"features": [1], "links": 5}'), CatalogError, None),
        (Answer(302, {"Location": "file:///etc/passwd"}), CatalogError, None),
    ],
)
def test_each_refusal_has_its_error(
    web: WebServer, answer: Answer, error: type[Exception], wait: float | None
) -> None:
    web.next_answers.append(answer)
    with pytest.raises(error) as caught:
        list(StacApiCatalog(web.url, EVERYWHERE).search(COLORADO, None, None))
    assert not isinstance(caught.value, NotFoundError)
    assert "secret" not in str(caught.value)
    if isinstance(caught.value, RemoteUnavailableError):
        assert caught.value.retry_after_s == wait


def test_a_refusal_on_a_later_page_is_no_short_result(two_pages: WebServer) -> None:
    route = two_pages.routes["/search"]
    two_pages.routes["/search"] = lambda request: Answer(502) if "next" in request.json() else route(request)
    with pytest.raises(RemoteUnavailableError, match="502"):
        list(StacApiCatalog(two_pages.url, EVERYWHERE).search(BRAZIL, None, None))


def test_a_next_link_that_leaves_http_is_not_followed(web: WebServer, test_data: Path) -> None:
    answer = page(test_data, "test_multiple_collections_00", web)
    answer["links"] = [{"rel": "next", "href": "file:///etc/passwd"}]
    serve(web, lambda request: answer)
    with pytest.raises((CatalogError, RemoteUnavailableError)):
        list(StacApiCatalog(web.url, EVERYWHERE).search(COLORADO, None, None))


def test_nobody_there_is_transient() -> None:
    with pytest.raises(RemoteUnavailableError, match="can't be reached"):
        list(StacApiCatalog("http://127.0.0.1:9", EVERYWHERE).search(COLORADO, None, None))


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="CATALOG__URL"):
        StacApiCatalog("file:///x", EVERYWHERE)
