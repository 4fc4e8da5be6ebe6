"""STAC items as captures: real ones of several providers, and bad ones."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earthgazer_core.catalog.item import capture_of
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import CatalogError

ITEM: dict[str, Any] = {
    "type": "Feature", "stac_version": "1.1.0", "id": "S2C_T31UFU_X", "collection": "sentinel-2-c1-l2a",
    "bbox": [4.4, 51.3, 6.1, 52.4], "geometry": None,
    "properties": {
        "platform": "sentinel-2c", "datetime": "2026-03-01T10:50:29.123Z", "eo:cloud_cover": 12.5,
        "s2:product_uri": "S2C_MSIL2A_20260301T105029_N0511_R051_T31UFU_20260301T160000.SAFE",
        "grid:code": "MGRS-31UFU",
    },
    "assets": {
        "red": {
            "href": "https://example.com/B04.tif", "type": "image/tiff", "nodata": 0,
            "bands": [
                {"name": "B04", "eo:common_name": "red", "raster:scale": 0.0001, "raster:offset": -0.1}
            ],
            "file:checksum": "1220" + "AB" * 32, "file:size": 5,
        },
    },
}  # fmt: skip


def capture(item: object) -> Capture:
    found = capture_of(item, source="test")
    assert found is not None
    return found


def changed(*path: str, to: object) -> dict[str, Any]:
    item = copy.deepcopy(ITEM)
    place: Any = item
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = to
    return item


def recorded(test_data: Path, name: str) -> list[dict[str, Any]]:
    answer = json.loads((test_data / "stac" / "recorded" / f"{name}.json").read_text())
    features: list[dict[str, Any]] = answer["response"]["features"]
    return features


def test_stac_1_1_bands() -> None:
    found = capture(ITEM)
    assert found.mission == "SENTINEL-2C"
    assert found.product_id == "S2C_MSIL2A_20260301T105029_N0511_R051_T31UFU_20260301T160000"
    assert found.processing_baseline == "05.11"
    assert (found.level, found.reference_level, found.mgrs_tile) == ("L2A", "BOA", "31UFU")
    assert found.sensing_time == datetime(2026, 3, 1, 10, 50, 29, 123000, tzinfo=UTC)
    (red,) = found.assets
    assert (red.band, red.scale, red.offset, red.nodata) == ("B04", 0.0001, -0.1, 0)
    assert (red.sha256, red.size_bytes) == ("ab" * 32, 5)
    assert found.offset_already_applied is None


def test_earth_search_sentinel_2(test_data: Path) -> None:
    found = capture(recorded(test_data, "test_multiple_collections_00")[0])
    assert found.product_id == "S2A_MSIL2A_20231008T175231_N0509_R141_T13TDE_20231008T233154"
    assert (found.processing_baseline, found.offset_already_applied) == ("05.09", True)
    assert {asset.band for asset in found.assets} == {
        "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12", "SCL",
    }  # fmt: skip
    # Each band is there as GeoTIFF over https and as JPEG 2000 in a bucket whose requesters pay.
    for asset in found.assets:
        assert asset.href.startswith("https://")
        assert asset.href.endswith(f"/{asset.band}.tif")


def test_earth_search_collection_1_promises_digests(test_data: Path) -> None:
    items = recorded(test_data, "TestCLISearch.test_filter_inprocess_01")
    found = [c for c in (capture_of(item, source="x") for item in items) if c is not None]
    promised = [c for c in found if c.collection == "sentinel-2-c1-l2a"]
    assert promised
    for asset in (asset for c in promised for asset in c.assets):
        assert asset.sha256 is not None
        assert len(asset.sha256) == 64
        assert (asset.size_bytes or 0) > 0


def test_radar_is_another_mission_and_no_error(test_data: Path) -> None:
    items = recorded(test_data, "TestCLISearch.test_filter_inprocess_01")
    radar = [item for item in items if item["collection"].startswith("sentinel-1")]
    assert radar
    assert all(capture_of(item, source="x") is None for item in radar)


def test_earth_search_landsat(test_data: Path) -> None:
    found = capture(recorded(test_data, "test_multiple_collections_00")[1])
    assert (found.mission, found.level, found.wrs_path, found.wrs_row) == ("LANDSAT_8", "L2SP", 33, 32)
    bands = {asset.band: asset for asset in found.assets}
    assert set(bands) == {"B1", "B2", "B3", "B4", "B5", "B6", "B7", "QA_PIXEL"}
    assert bands["B5"].href.endswith("_SR_B5.TIF")
    assert (bands["B5"].scale, bands["B5"].offset, bands["B5"].nodata) == (2.75e-05, -0.2, 0)
    assert found.processing_baseline is None
    assert found.metadata["landsat:scene_id"] == "LC80330322023281LGN00"


def test_planetary_computer(test_data: Path) -> None:
    items = recorded(test_data, "TestItemSearch.test_datetime_results_00")
    for item in items:
        found = capture(item)
        assert found.level == "L2A"
        assert found.mgrs_tile is not None
        assert f"_T{found.mgrs_tile}_" in found.product_id
        bands = {asset.band: asset.href for asset in found.assets}
        # Its common name is "rededge" there, as that of three other bands.
        assert "_B8A_" in bands["B8A"]
        assert all(f"_{band}_" in href for band, href in bands.items())


def test_items_beside_usgs_and_element84_files(test_data: Path) -> None:
    for folder, mission, bands in (
        ("landsat/LC08_L2SP_008059_20191201", "LANDSAT_8", 8),
        ("landsat/LC08_L2SP_001062_20201031", "LANDSAT_8", 8),
        ("sentinel2/29RKH_20200219_L2A", "SENTINEL-2A", 13),
    ):
        (path,) = [*(test_data / folder).glob("*_stac.json"), *(test_data / folder).glob("S2A_*.json")]
        found = capture(json.loads(path.read_text()))
        assert (found.mission, len(found.assets)) == (mission, bands)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ([], "no JSON object"),
        ({"id": "x"}, "properties is missing"),
        (changed("properties", "platform", to=None), "properties.platform is missing"),
        (changed("properties", "platform", to=5), "properties.platform is no text"),
        (changed("properties", "datetime", to=None), "properties.datetime is missing"),
        (changed("properties", "datetime", to="yesterday"), "properties.datetime is no time"),
        (changed("properties", "datetime", to="0001-01-01T00:00:00+14:00"), "properties.datetime is no time"),
        (changed("properties", "eo:cloud_cover", to="many"), "eo:cloud_cover is no number"),
        (changed("properties", "eo:cloud_cover", to=101), "eo:cloud_cover is no share"),
        (changed("properties", "eo:cloud_cover", to=float("nan")), "eo:cloud_cover is no number"),
        (changed("properties", "s2:processing_baseline", to="five"), "s2:processing_baseline is no NN.NN"),
        (changed("properties", "s2:product_uri", to="../../etc"), "is no usable name"),
        (changed("properties", "s2:product_uri", to="\x1b[31m"), "is no usable name"),
        (changed("properties", "grid:code", to="MGRS-99"), "MGRS tile"),
        (changed("properties", "earthsearch:boa_offset_applied", to="yes"), "neither true nor false"),
        (changed("bbox", to=[1, 2, 3]), "bbox has to be"),
        (changed("bbox", to=[1, 9, 3, 2]), "bbox can't be used"),
        (changed("bbox", to=[1, None, 3, 2]), "bbox holds a null"),
        (changed("assets", to=None), "assets are missing"),
        (changed("assets", to={}), "assets hold no band"),
        (changed("assets", "red", "href", to="file:///etc/B04.tif"), "points at a file of this machine"),
        (changed("assets", "red", "href", to="ftp://x/B04.tif"), "is no http, s3, gs or file address"),
        (changed("assets", "red", "href", to="B04.tif"), "is no http, s3, gs or file address"),
        (changed("assets", "red", "file:size", to=-1), "file:size is no length"),
        (changed("assets", "red", "bands", to=[{"name": "B04", "raster:scale": "x"}]), "scale is no number"),
        (changed("collection", to="a/../b"), "collection"),
    ],
)
def test_each_bad_field_is_named(item: object, words: str) -> None:
    with pytest.raises(CatalogError) as caught:
        capture_of(item, source="test")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_footprint_past_the_antimeridian_is_wrapped() -> None:
    found = capture(changed("bbox", to=[179.5, -17, 180.5, -16]))
    assert found.bbox is not None
    assert found.bbox.as_tuple() == (179.5, -17, -179.5, -16)


def test_images_of_several_bands_and_thumbnails_are_no_bands() -> None:
    item = copy.deepcopy(ITEM)
    item["assets"]["visual"] = {
        "href": "https://example.com/TCI.tif", "type": "image/tiff",
        "bands": [{"name": "B04"}, {"name": "B03"}, {"name": "B02"}],
    }  # fmt: skip
    item["assets"]["thumbnail"] = {"href": "https://example.com/B03.tif", "roles": ["thumbnail"]}
    assert [asset.band for asset in capture(item).assets] == ["B04"]


def test_the_finest_of_several_resolutions_is_taken() -> None:
    item = copy.deepcopy(ITEM)
    item["assets"] = {
        f"B04_{size}m": {"href": f"https://example.com/T31UFU_B04_{size}m.jp2"} for size in (60, 10, 20)
    }
    assert [asset.href[-7:] for asset in capture(item).assets] == ["10m.jp2"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_paths = [
    ("id",), ("collection",), ("bbox",), ("geometry",), ("properties",), ("assets",), ("assets", "red"),
    *(("properties", name) for name in [*ITEM["properties"], "s2:processing_baseline", "mgrs:utm_zone"]),
    *(("assets", "red", name) for name in [*ITEM["assets"]["red"], "raster:bands", "eo:bands", "roles"]),
]  # fmt: skip


@given(path=st.sampled_from(_paths), value=_json)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_a_field_holds_it_is_a_capture_or_a_catalog_error(
    path: tuple[str, ...], value: object
) -> None:
    assert is_captured_or_refused(changed(*path, to=value))


@given(_json)
def test_whatever_an_item_is_it_is_nothing_worse_than_a_catalog_error(value: object) -> None:
    assert is_captured_or_refused(value)


def is_captured_or_refused(item: object) -> bool:
    try:
        found = capture_of(item, source="fuzz")
    except CatalogError as error:
        return bool(str(error))
    return found is None or bool(found.assets)
