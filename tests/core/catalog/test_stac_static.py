"""Static STAC catalogues, on disk and on a web server."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from earthgazer_core.catalog import open_catalog
from earthgazer_core.catalog.stac_static import StaticCatalog
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import CatalogError, InvalidInputError, NotFoundError, RemoteUnavailableError
from earthgazer_core.settings import CatalogSettings
from tests.core.storage.web_server import Answer, WebServer

SAHARA = BBox(-11.5, 24.5, -11.0, 25.0)
SETTINGS = CatalogSettings(kind="stac-static", timeout_s=2)


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


@pytest.fixture
def root(tmp_path: Path, test_data: Path) -> Path:
    """A catalogue of one collection with the real Sahara item and its bands beside it."""
    folder = tmp_path / "a catalogue"
    source = test_data / "sentinel2" / "29RKH_20200219_L2A"
    item: dict[str, Any] = json.loads((source / "S2A_29RKH_20200219_0_L2A.json").read_text())
    for key, band in (("red", "B04"), ("nir", "B08"), ("scl", "SCL")):
        shutil.copy(source / f"{band}.tif", folder.parent / f"{band}.tif")
        item["assets"][key]["href"] = f"../../{band}.tif"
    write(folder / "sahara" / "item.json", item)
    write(
        folder / "sahara" / "collection.json",
        {
            "type": "Collection", "id": "sahara", "stac_version": "1.0.0",
            "extent": {
                "spatial": {"bbox": [[-12, 24, -10, 26]]},
                "temporal": {"interval": [["2020-01-01T00:00:00Z", "2020-12-31T00:00:00Z"]]},
            },
            "links": [{"rel": "item", "href": "item.json"}, {"rel": "root", "href": "../catalog.json"}],
        },
    )  # fmt: skip
    write(
        folder / "catalog.json",
        {
            "type": "Catalog", "id": "c", "stac_version": "1.0.0", "description": "test",
            "links": [
                {"rel": "child", "href": "./sahara/collection.json"},
                {"rel": "self", "href": "https://elsewhere.example/catalog.json"},
            ],
        },
    )  # fmt: skip
    return folder / "catalog.json"


def published(root: Path, web: WebServer) -> str:
    for path in root.parent.rglob("*.json"):
        web.files[f"/stac/{path.relative_to(root.parent)}"] = path.read_bytes()
    return f"{web.url}/stac/catalog.json"


def test_a_catalogue_on_disk(root: Path, tmp_path: Path) -> None:
    for address in (str(root), root.as_uri()):
        catalog = open_catalog(SETTINGS.model_copy(update={"url": address}), tmp_path)
        (found,) = catalog.search(SAHARA, None, None)
        assert found.mission == "SENTINEL-2A"
        assert found.source == str(root)
        bands = {asset.band: asset.href for asset in found.assets}
        assert Path(urlsplit(bands["B04"]).path) == tmp_path / "B04.tif"
        assert bands["B04"].startswith("file:///")
        assert bands["B02"].startswith("https://")


def test_the_same_on_a_web_server(root: Path, web: WebServer) -> None:
    (found,) = StaticCatalog(published(root, web), SETTINGS).search(SAHARA, None, None)
    assert {asset.band: asset.href for asset in found.assets}["B04"] == f"{web.url}/B04.tif"


def test_an_item_alone_is_a_catalogue(root: Path) -> None:
    item = root.parent / "sahara" / "item.json"
    assert len(list(StaticCatalog(str(item), SETTINGS).search(SAHARA, None, None))) == 1


def test_an_item_collection(root: Path) -> None:
    item = json.loads((root.parent / "sahara" / "item.json").read_text())
    write(root.parent / "sahara" / "items.json", {"type": "FeatureCollection", "features": [item, 5, None]})
    problems: list[CatalogError] = []
    catalog = StaticCatalog(str(root.parent / "sahara" / "items.json"), SETTINGS, on_problem=problems.append)
    assert len(list(catalog.search(SAHARA, None, None))) == 1
    assert len(problems) == 2


def test_elsewhere_and_at_other_times_there_is_nothing(root: Path, web: WebServer) -> None:
    catalog = StaticCatalog(published(root, web), SETTINGS)
    assert list(catalog.search(BBox(0, 0, 1, 1), None, None)) == []
    assert list(catalog.search(SAHARA, datetime(2021, 2, 1, tzinfo=UTC), None)) == []
    # Neither search entered the collection, whose extent lies elsewhere.
    assert not [request for request in web.requests if request.path.endswith("item.json")]
    assert list(catalog.search(SAHARA, None, datetime(2020, 2, 1, tzinfo=UTC))) == []
    assert list(catalog.search(SAHARA, None, None, missions=["LANDSAT_9"])) == []


def test_circles_end(root: Path) -> None:
    collection = root.parent / "sahara" / "collection.json"
    document = json.loads(collection.read_text())
    document["links"] += [{"rel": "child", "href": "../catalog.json"}, {"rel": "item", "href": "./item.json"}]
    write(collection, document)
    assert len(list(StaticCatalog(str(root), SETTINGS).search(SAHARA, None, None))) == 1


def test_a_server_can_not_point_at_files_of_this_machine(root: Path, web: WebServer, tmp_path: Path) -> None:
    item = json.loads((root.parent / "sahara" / "item.json").read_text())
    item["id"] = "stealing"
    item["assets"]["red"]["href"] = (tmp_path / "B04.tif").as_uri()
    write(root.parent / "sahara" / "stealing.json", item)
    collection = json.loads((root.parent / "sahara" / "collection.json").read_text())
    collection["links"] += [
        {"rel": "item", "href": "stealing.json"},
        {"rel": "item", "href": (root.parent / "sahara" / "item.json").as_uri()},
        {"rel": "item", "href": "ftp://example.com/item.json"},
        {"rel": "item", "href": 5},
        "nonsense",
    ]
    write(root.parent / "sahara" / "collection.json", collection)
    problems: list[CatalogError] = []
    catalog = StaticCatalog(published(root, web), SETTINGS, on_problem=problems.append)
    assert len(list(catalog.search(SAHARA, None, None))) == 1
    told = "\n".join(str(problem) for problem in problems)
    assert "points at a file of this machine" in told
    assert told.count("is not allowed here") == 2
    assert "has no address" in told


def test_a_broken_part_is_told_and_the_rest_goes_on(root: Path, web: WebServer) -> None:
    collection = json.loads((root.parent / "sahara" / "collection.json").read_text())
    collection["links"] += [{"rel": "item", "href": name} for name in ("gone.json", "torn.json", "list.json")]
    write(root.parent / "sahara" / "collection.json", collection)
    (root.parent / "sahara" / "torn.json").write_text('{"type": "Fea')
    (root.parent / "sahara" / "list.json").write_text("[]")
    for address in (str(root), published(root, web)):
        problems: list[CatalogError] = []
        catalog = StaticCatalog(address, SETTINGS, on_problem=problems.append)
        assert len(list(catalog.search(SAHARA, None, None))) == 1
        assert len(problems) == 3


def test_a_server_that_is_busy_gives_no_short_result(root: Path, web: WebServer) -> None:
    address = published(root, web)
    web.routes["/stac/sahara/item.json"] = lambda request: Answer(503, {"Retry-After": "3"})
    with pytest.raises(RemoteUnavailableError) as caught:
        list(StaticCatalog(address, SETTINGS).search(SAHARA, None, None))
    assert caught.value.retry_after_s == 3


def test_a_root_that_can_not_be_read_is_an_error(tmp_path: Path, web: WebServer) -> None:
    (tmp_path / "x.json").write_text("no json")
    for address, error in (
        (str(tmp_path / "missing.json"), NotFoundError),
        (str(tmp_path), CatalogError),
        (str(tmp_path / "x.json"), CatalogError),
        (f"{web.url}/missing.json", NotFoundError),
        ("http://127.0.0.1:9/catalog.json", RemoteUnavailableError),
    ):
        with pytest.raises(error):
            list(StaticCatalog(address, SETTINGS).search(SAHARA, None, None))


def test_settings_that_can_not_work(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="CATALOG__URL"):
        open_catalog(SETTINGS, tmp_path)
    with pytest.raises(InvalidInputError, match="CATALOG__URL"):
        StaticCatalog("ftp://x/catalog.json", SETTINGS)
