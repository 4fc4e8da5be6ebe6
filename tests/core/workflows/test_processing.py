"""Processing captures on a real worker: what is made, what isn't and why, and what happens twice."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import rasterio

from tests.core.pipeline import Pipeline
from tests.expected_cases import load_expected

FOLDER = "sentinel2/32UPC_L1C_baseline0400"


@pytest.fixture
def files(test_data: Path, tmp_path: Path) -> Path:
    """Copies of a small real capture, which a test may harm."""
    return Path(shutil.copytree(test_data / FOLDER, tmp_path / "files"))


def add(pipeline: Pipeline, files: Path, name: str, *bands: str, mission: str = "SENTINEL-2B") -> int:
    number: int = pipeline.ok(
        "captures", "add", "--mission", mission, "--sensing-time", "2022-06-15T10:15:59Z",
        "--baseline", "04.00", "--level", "L1C", "--product-id", name,
        *(f"--band={band}={files / band}.tif" for band in bands or ("B02", "B03", "B04", "B08")), "--json",
    )["id"]  # fmt: skip
    return number


def path_of(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def test_four_bands_give_a_stack_an_ndvi_and_a_picture(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "four")
    done = pipeline.ok("workflows", "process", str(number), "--index", "ndvi,evi", "--wait", "--json")
    assert done["state"] == "SUCCESS"
    assert set(done["result"]) == {"capture_id", "ndvi", "evi", "rgb"}
    for kind in ("ndvi", "evi", "rgb"):
        with rasterio.open(done["result"][kind]) as dataset:
            assert (dataset.width, dataset.height) == (9, 8)
    stacked = pipeline.artifact(number, "stacked")
    assert stacked["bands"] == ["blue", "green", "red", "nir"]
    assert stacked["statistics"] is None
    shown = pipeline.ok("captures", "show", str(number), "--json")
    assert shown["stages"] == ["discovered", "downloaded", "evi", "ndvi", "rgb", "stacked"]


def test_two_bands_are_enough_for_ndvi_and_the_picture_is_left_out_with_a_reason(
    pipeline: Pipeline, files: Path
) -> None:
    number = add(pipeline, files, "two", "B04", "B08")
    done = pipeline.ok("workflows", "process", str(number), "--wait", "--json")
    assert done["result"]["ndvi"].endswith(".tif")
    assert done["result"]["rgb"] == {"skipped": "true colour needs B03 (green), B02 (blue)"}


def test_an_artifact_tells_what_it_was_made_of(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "told")
    done = pipeline.ok("workflows", "process", str(number), "--wait", "--json")
    artifact = pipeline.artifact(number)
    with rasterio.open(done["result"]["ndvi"]) as dataset:
        tags = dataset.tags()
    assert tags["EARTHGAZER_PRODUCT_ID"] == "told"
    assert "04.00" in tags["EARTHGAZER_RADIOMETRY"]
    assert artifact["parameters"]["inputs"]["B04"] in tags["EARTHGAZER_INPUTS"]
    assert artifact["crs"].startswith("EPSG:326")
    assert artifact["bytes"] == path_of(artifact["uri"]).stat().st_size


def test_a_second_run_finds_what_the_first_made(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "again")
    pipeline.ok("workflows", "process", str(number), "--wait", "--json")
    first = pipeline.artifact(number)
    written = path_of(first["uri"]).stat().st_mtime_ns
    pipeline.ok("workflows", "process", str(number), "--wait", "--json")
    assert pipeline.artifact(number) == first
    assert path_of(first["uri"]).stat().st_mtime_ns == written


def test_a_file_that_somebody_removed_is_made_again(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "removed")
    pipeline.ok("workflows", "process", str(number), "--wait", "--json")
    first = pipeline.artifact(number)
    path_of(first["uri"]).unlink()
    pipeline.ok("workflows", "process", str(number), "--wait", "--json")
    assert path_of(first["uri"]).stat().st_size == pipeline.artifact(number)["bytes"]
    assert pipeline.artifact(number)["id"] == first["id"]


def test_another_crop_is_another_artifact(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "crops")
    west, south, east, north = pipeline.ok("captures", "show", str(number), "--json")["bbox"]
    half = f"--bbox={west},{south},{(west + east) / 2},{north}"
    pipeline.ok("workflows", "process", str(number), "--wait", "--json")
    pipeline.ok("workflows", "process", str(number), half, "--wait", "--json")
    listed = pipeline.ok("artifacts", "list", "--capture", str(number), "--kind", "ndvi", "--json")
    assert sorted(one["shape"] for one in listed) == [[8, 5], [8, 9]]
    assert len({one["uri"] for one in listed}) == 2


def test_two_runs_at_once_make_one_artifact(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "at-once")
    with ThreadPoolExecutor(3) as pool:
        command = ("workflows", "process", str(number), "--wait", "--json")
        done = list(pool.map(lambda _: pipeline.ok(*command), range(3)))
    assert len({one["result"]["ndvi"] for one in done}) == 1
    listed = pipeline.ok("artifacts", "list", "--capture", str(number), "--json")
    assert sorted(one["kind"] for one in listed) == ["ndvi", "rgb", "stacked"]
    work = pipeline.settings.storage.data_path / "work"
    assert list(work.iterdir()) == []


def test_a_crop_outside_the_scene_fails_with_a_message_and_leaves_no_file(
    pipeline: Pipeline, files: Path, test_data: Path
) -> None:
    number = add(pipeline, files, "outside")
    bounds = ",".join(str(edge) for edge in load_expected(test_data)["crop_outside"]["bounds"])
    answer = pipeline.run("workflows", "process", str(number), f"--bbox={bounds}", "--wait", "--json")
    assert answer.code == 1
    (failure,) = answer.json["failures"]
    assert "outside" in failure["error"] or "touch" in failure["error"]
    assert pipeline.ok("artifacts", "list", "--capture", str(number), "--json") == []
    made = list((pipeline.settings.storage.data_path / "artifacts").glob("*/outside/*"))
    assert made == []


def test_a_crop_of_a_file_without_crs_is_refused(pipeline: Pipeline, test_data: Path) -> None:
    path = test_data / "nasty" / "no_crs_ds.tif"
    number = pipeline.ok(
        "captures", "add", "--mission", "SENTINEL-2A", "--sensing-time", "2020-01-01",
        f"--band=B04={path}", f"--band=B08={path}", "--json",
    )["id"]  # fmt: skip
    answer = pipeline.run("workflows", "process", str(number), "--bbox=1,2,3,4", "--wait", "--json")
    assert answer.code == 1
    assert "CRS" in answer.json["failures"][0]["error"]


def test_a_file_that_changed_since_it_was_added_is_refused(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "changed")
    shutil.copy(files / "B02.tif", files / "B04.tif")
    answer = pipeline.run("workflows", "process", str(number), "--wait", "--json")
    assert answer.code == 1
    assert "changed since" in answer.json["failures"][0]["error"]


def test_an_index_whose_band_is_missing_says_which(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "short", "B04", "B08")
    answer = pipeline.run("workflows", "process", str(number), "--index", "evi", "--wait", "--json")
    assert answer.code == 1
    assert "B02 (blue)" in answer.json["failures"][0]["error"]


def test_one_failing_capture_does_not_keep_the_others_from_being_analysed(
    pipeline: Pipeline, files: Path
) -> None:
    good, bad = add(pipeline, files, "good"), add(pipeline, files, "bad")
    other = add(pipeline, files, "also-good")
    west, south, east, north = pipeline.ok("captures", "show", str(good), "--json")["bbox"]
    place = pipeline.ok(
        "locations",
        "add",
        "--name",
        "around-32UPC",
        f"--bbox={west},{south},{east},{north}",
        "--inactive",
        "--json",
    )["id"]
    moved = Path(shutil.copytree(files, files.with_name("moved")))
    gone = pipeline.ok(
        "captures", "add", "--mission", "SENTINEL-2B", "--sensing-time", "2022-06-20T10:15:59Z",
        "--baseline", "04.00", f"--band=B04={moved / 'B04.tif'}", f"--band=B08={moved / 'B08.tif'}", "--json",
    )["id"]  # fmt: skip
    shutil.rmtree(moved)
    numbers = [str(number) for number in (good, bad, gone, other)]
    answer = pipeline.run("workflows", "process", *numbers, "--wait", "--json")
    assert answer.code == 1
    assert [failure["error"] for failure in answer.json["failures"]] == [
        f"band B04 of capture {gone}: {moved / 'B04.tif'} is gone; put it back, or add the capture anew"
    ]

    def series() -> object:
        return pipeline.ok("locations", "show", str(place), "--json")["series"]

    points = pipeline.eventually(series)["points"]
    assert {point["gap"] for point in points if point["capture_id"] == gone} == {"not processed"}
    assert any(point["mean"] is not None for point in points)


def test_reprocessing_makes_everything_of_a_mission_again(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "once-more", mission="SENTINEL-2C")
    command = ("workflows", "reprocess", "--mission", "sentinel-2c", "--limit", "1", "--wait", "--json")
    done = pipeline.ok(*command)
    assert set(done["result"]["captures"][str(number)]) == {"ndvi", "rgb", "stacked"}
    first = path_of(pipeline.artifact(number)["uri"]).stat().st_mtime_ns
    pipeline.ok(*command)
    assert path_of(pipeline.artifact(number)["uri"]).stat().st_mtime_ns >= first


def test_what_fails_within_a_planned_workflow_is_told_by_its_own_words(
    pipeline: Pipeline, files: Path
) -> None:
    number = add(pipeline, files, "gone-later", mission="SENTINEL-2D")
    (files / "B04.tif").unlink()
    answer = pipeline.run("workflows", "reprocess", "--mission", "sentinel-2d", "--wait", "--json")
    assert answer.code == 1
    (failure,) = answer.json["failures"]
    assert failure["capture_id"] == number
    assert "is gone" in failure["error"]
    assert answer.err.splitlines() == [f"run {answer.json['run_id']} failed:", f"  {failure['error']}"]


def test_a_run_is_listed_with_its_tasks(pipeline: Pipeline, files: Path) -> None:
    number = add(pipeline, files, "listed")
    done = pipeline.ok("workflows", "process", str(number), "--wait", "--json")

    def finished() -> bool:
        shown = pipeline.ok("workflows", "show", done["run_id"], "--json")
        return bool(shown["state"] == "succeeded")

    pipeline.eventually(finished)
    shown = pipeline.ok("workflows", "show", done["run_id"], "--json")
    assert (shown["name"], shown["done"], shown["total"]) == ("process_single_capture", 5, 5)
    assert {step["capture_id"] for step in shown["steps"]} == {number}
    assert done["run_id"] in [run["run_id"] for run in pipeline.ok("workflows", "list", "--json")]


def test_an_artifact_is_exported_verified_and_never_over_another_file(
    pipeline: Pipeline, files: Path, tmp_path: Path
) -> None:
    number = add(pipeline, files, "export")
    pipeline.ok("workflows", "process", str(number), "--wait", "--json")
    artifact = pipeline.artifact(number)
    target = tmp_path / "ndvi.tif"
    arguments = ("artifacts", "export", str(artifact["id"]), "--to", str(target), "--json")
    assert pipeline.ok(*arguments)["sha256"] == artifact["sha256"]
    assert target.stat().st_size == artifact["bytes"]
    assert pipeline.ask(*arguments).code == 1
    pipeline.ok(*arguments, "--overwrite")
