"""Transient faults are retried, permanent ones fail at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from earthgazer_core.db.repositories import captures
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.domain.capture import Asset, Capture
from earthgazer_core.errors import RemoteUnavailableError
from earthgazer_core.tasks.base import LONGEST_DELAY_S, retry_delay_s
from tests.core.pipeline import Pipeline
from tests.core.storage.web_server import Answer, WebServer

FOLDER = "sentinel2/32UPC_L1C_baseline0400"


@pytest.fixture
def web(test_data: Path) -> Iterator[WebServer]:
    server = WebServer()
    server.files = {
        f"/{band}.tif": (test_data / FOLDER / f"{band}.tif").read_bytes() for band in ("B04", "B08")
    }
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database(pipeline: Pipeline) -> Iterator[Database]:
    database = Database(make_engine(pipeline.settings.database))
    yield database
    database.dispose()


def remote_capture(web: WebServer, name: str) -> Capture:
    return Capture(
        mission="SENTINEL-2B",
        product_id=name,
        sensing_time=datetime(2022, 6, 15, 10, 15, 59, tzinfo=UTC),
        level="L1C",
        assets=tuple(Asset(band, f"{web.url}/{band}.tif") for band in ("B04", "B08")),
        processing_baseline="04.00",
        source="somewhere",
    )


def take_up(database: Database, capture: Capture) -> str:
    with database.session() as session:
        return str(captures.upsert(session, capture)[0].id)


def test_a_server_that_is_busy_first_is_asked_again(
    pipeline: Pipeline, database: Database, web: WebServer
) -> None:
    number = take_up(database, remote_capture(web, "busy-first"))
    web.next_answers.extend([Answer(503, {"Retry-After": "0"}), Answer(429, {"Retry-After": "1"})])
    done = pipeline.ok("workflows", "process", number, "--wait", "--json")
    assert done["state"] == "SUCCESS"
    assert pipeline.artifact(int(number))["statistics"]["valid"] == 72

    def retries_of_the_download() -> int:
        with database.session() as session:
            query = select(TaskExecutionRow.retries).where(
                TaskExecutionRow.run_id == done["run_id"],
                TaskExecutionRow.name == "earthgazer.io.download_bands",
                TaskExecutionRow.state == "SUCCESS",
            )
            return session.scalars(query).one_or_none() or 0

    assert pipeline.eventually(retries_of_the_download) == 2
    scene = pipeline.settings.storage.data_path / "scenes" / number
    assert sorted(path.name for path in scene.iterdir()) == ["B04.tif", "B08.tif"]


def test_a_file_that_is_not_there_fails_at_once(
    pipeline: Pipeline, database: Database, web: WebServer
) -> None:
    del web.files["/B04.tif"]
    number = take_up(database, remote_capture(web, "not-there"))
    answer = pipeline.run("workflows", "process", number, "--wait", "--json")
    assert answer.code == 1
    assert "404" in answer.json["failures"][0]["error"]
    assert len([request for request in web.requests if request.path == "/B04.tif"]) == 1


def test_bytes_that_are_not_those_promised_are_never_taken(
    pipeline: Pipeline, database: Database, web: WebServer
) -> None:
    capture = remote_capture(web, "not-promised")
    wrong = tuple(replace(asset, sha256="0" * 64) for asset in capture.assets)
    number = take_up(database, replace(capture, assets=wrong))
    answer = pipeline.run("workflows", "process", number, "--wait", "--json")
    assert answer.code == 1
    assert "checksum" in answer.json["failures"][0]["error"]
    scene = pipeline.settings.storage.data_path / "scenes" / number
    assert [path for path in scene.iterdir() if not path.name.startswith(".")] == []


def test_a_remote_catalogue_may_not_point_at_files_of_this_machine(
    pipeline: Pipeline, database: Database, web: WebServer, tmp_path: Path, test_data: Path
) -> None:
    shutil.copy(test_data / FOLDER / "B04.tif", tmp_path / "B04.tif")
    capture = remote_capture(web, "local-file")
    local = tuple(replace(asset, href=(tmp_path / "B04.tif").as_uri()) for asset in capture.assets)
    number = take_up(database, replace(capture, assets=local))
    answer = pipeline.run("workflows", "process", number, "--wait", "--json")
    assert answer.code == 1
    assert "may not point at files of this machine" in answer.json["failures"][0]["error"]


def test_delays_double_with_jitter_and_honour_what_the_server_asked_for() -> None:
    plain = RemoteUnavailableError("busy")
    for retries, longest in ((0, 2.0), (1, 4.0), (3, 16.0)):
        assert longest / 2 <= retry_delay_s(plain, retries, first_s=2.0) <= longest
    assert len({retry_delay_s(plain, 3, first_s=2.0) for _ in range(20)}) > 1
    assert retry_delay_s(RemoteUnavailableError("busy", retry_after_s=90), 0, first_s=2.0) == 90
    assert retry_delay_s(RemoteUnavailableError("busy", retry_after_s=9e9), 0, first_s=2.0) == LONGEST_DELAY_S


def test_what_was_fetched_under_the_name_of_an_image_leads_nowhere_else(
    pipeline: Pipeline, database: Database, web: WebServer
) -> None:
    web.files["/B04.tif"] = (
        '<VRTDataset rasterXSize="9" rasterYSize="8"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f"<SourceFilename>/vsicurl/{web.url}/other.tif</SourceFilename></SimpleSource></VRTRasterBand>"
        "</VRTDataset>"
    ).encode()
    number = take_up(database, remote_capture(web, "a-reference"))
    answer = pipeline.run("workflows", "process", number, "--wait", "--json")
    assert answer.code == 1
    assert "neither GeoTIFF nor JPEG 2000" in answer.json["failures"][0]["error"]
    assert not [request for request in web.requests if request.path == "/other.tif"]


def test_a_catalogue_of_others_leads_into_this_network_by_no_name(
    pipeline: Pipeline, database: Database, web: WebServer
) -> None:
    capture = remote_capture(web, "inside")
    inside = tuple(
        replace(asset, href=asset.href.replace("127.0.0.1", "localhost")) for asset in capture.assets
    )
    number = take_up(database, replace(capture, assets=inside))
    answer = pipeline.run("workflows", "process", number, "--wait", "--json")
    assert answer.code == 1
    assert "lies in this network" in answer.json["failures"][0]["error"]
    assert web.requests == []
