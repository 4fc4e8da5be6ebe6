"""Whose word is trusted about where a capture's files lie, and where their copies go."""

from __future__ import annotations

from pathlib import Path

import pytest

from earthgazer_core.db.tables import AssetRow, CaptureRow
from earthgazer_core.errors import RefusedError, StorageError
from earthgazer_core.settings import CatalogSettings, EarthGazerSettings, StorageSettings
from earthgazer_core.tasks.local_copies import hosts_for, may_be_local, scene_folder
from earthgazer_core.tasks.resources import Resources

_INSIDE = "http://10.1.2.3/B04.tif"


def _resources(tmp_path: Path, url: str) -> Resources:
    catalog = CatalogSettings(kind="stac-static", url=url)
    storage = StorageSettings(data_path=tmp_path)
    return Resources(EarthGazerSettings(catalog=catalog, storage=storage, _env_file=None))  # type: ignore[call-arg]


def _capture(source: str) -> tuple[CaptureRow, AssetRow]:
    return CaptureRow(id=7, source=source), AssetRow(band="B04", href=_INSIDE)


def test_a_catalogue_on_disk_is_the_operators_own_word(tmp_path: Path) -> None:
    resources = _resources(tmp_path, "/data/catalog.json")
    capture, asset = _capture("/data/catalog.json")
    assert may_be_local(resources, capture)
    hosts_for(resources, capture, asset).check(_INSIDE)


@pytest.mark.parametrize("url", ["/data/catalog.json", "https://stac.example/catalog.json"])
def test_a_document_of_a_server_is_not(url: str, tmp_path: Path) -> None:
    resources = _resources(tmp_path, url)
    capture, asset = _capture("https://stac.example/item.json")
    assert not may_be_local(resources, capture)
    with pytest.raises(RefusedError):
        hosts_for(resources, capture, asset).check(_INSIDE)


def test_copies_are_not_written_through_a_link(tmp_path: Path) -> None:
    resources = _resources(tmp_path, "https://stac.example/catalog.json")
    capture, _ = _capture("https://stac.example/item.json")
    folder = scene_folder(resources, capture)
    folder.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="symbolic link"):
        scene_folder(resources, capture)
