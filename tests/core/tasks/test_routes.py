"""Names, routes and queues agree, and the app keeps work safe."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
from pathlib import Path

import pytest

from earthgazer_core.celery_app import QUEUES, ROUTES, TASK_MODULES, EarthGazerApp, configuration, make_app
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.recorder.install import recorders
from earthgazer_core.settings import CelerySettings, DatabaseSettings, EarthGazerSettings, RecorderSettings


@pytest.fixture
def app(settings: EarthGazerSettings) -> EarthGazerApp:
    quiet = settings.model_copy(update={"recorder": RecorderSettings(enabled=False)})
    made = make_app(quiet)
    made.loader.import_default_modules()
    return made


def own_tasks(app: EarthGazerApp) -> list[str]:
    return sorted(name for name in app.tasks if not name.startswith("celery."))


def test_every_task_has_a_route_to_a_queue_that_exists(app: EarthGazerApp) -> None:
    for name in own_tasks(app):
        routed = app.amqp.router.route({}, name)
        assert routed["queue"].name in QUEUES, name
        assert routed["queue"].name != "default" or name.startswith("earthgazer.default."), name


def test_every_route_has_a_task(app: EarthGazerApp) -> None:
    for pattern in ROUTES:
        assert fnmatch.filter(own_tasks(app), pattern), pattern


def test_every_scheduled_task_exists(app: EarthGazerApp) -> None:
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(own_tasks(app))


def test_a_message_goes_to_one_queue_alone(app: EarthGazerApp) -> None:
    keys = [queue.routing_key for queue in app.amqp.queues.values()]
    assert len(set(keys)) == len(keys) == len(QUEUES)


def test_the_guides_names_are_there() -> None:
    from earthgazer_core import tasks, workflows

    for name in (
        "discover_images_task", "backup_capture_task", "download_bands_task", "stack_and_crop_task",
        "compute_ndvi_task", "generate_rgb_task", "temporal_analysis_task",
    ):  # fmt: skip
        assert getattr(tasks, name).name.startswith("earthgazer.")
    for name in (
        "process_single_capture_workflow", "process_multiple_captures_workflow", "full_pipeline_workflow",
        "reprocess_existing_captures_workflow",
    ):  # fmt: skip
        assert callable(getattr(workflows, name))


def test_a_message_is_not_given_to_a_second_worker_while_the_first_may_still_run(app: EarthGazerApp) -> None:
    assert app.conf.broker_transport_options["visibility_timeout"] > app.conf.task_time_limit
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1


def test_a_visibility_timeout_within_a_tasks_time_is_refused(settings: EarthGazerSettings) -> None:
    celery = settings.celery.model_copy(update={"visibility_timeout_s": settings.celery.task_time_limit_s})
    with pytest.raises(InvalidInputError, match="VISIBILITY_TIMEOUT_S has to be above"):
        configuration(settings.model_copy(update={"celery": celery}))


def test_importing_the_app_reads_no_settings_and_no_raster_library() -> None:
    code = (
        "import sys; from earthgazer_core.celery_app import app;"
        "assert not app.configured; import earthgazer_core.tasks, earthgazer_core.workflows;"
        "assert not app.configured;"
        "heavy = {'numpy', 'rasterio', 'obstore', 'pystac_client'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_task_modules_import_no_raster_library_before_the_fork() -> None:
    code = (
        f"import sys, importlib; [importlib.import_module(name) for name in {TASK_MODULES!r}];"
        "heavy = {'numpy', 'rasterio', 'obstore'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("given", [None, "elsewhere"])
def test_records_wait_for_the_database_beside_other_data(
    settings: EarthGazerSettings, tmp_path: Path, given: str | None
) -> None:
    """The database is away: where the record goes to is seen on disk."""
    chosen = settings.model_copy(
        update={
            "database": DatabaseSettings(host=str(tmp_path / "nobody")),
            "recorder": RecorderSettings(spool_path=tmp_path / given if given else None),
        }
    )
    made = make_app(chosen)
    made.send_task("earthgazer.default.nothing")
    for recorder in recorders(made):
        recorder.close()
    made.close()
    directory = tmp_path / given if given else settings.storage.data_path / "spool"
    assert [path.suffix for path in directory.iterdir()] == [".jsonl"]


@pytest.mark.parametrize(
    ("celery", "told"),
    [
        (CelerySettings(), "EARTHGAZER__CELERY__BROKER_URL"),
        (CelerySettings(broker_url="amqp://here//"), "EARTHGAZER__CELERY__RESULT_BACKEND"),  # type: ignore[arg-type]
        (
            CelerySettings(broker_url="redis://here", task_soft_time_limit_s=600),  # type: ignore[arg-type]
            "EARTHGAZER__CELERY__TASK_SOFT_TIME_LIMIT_S",
        ),
    ],
)
def test_wrong_settings_name_the_variable(
    settings: EarthGazerSettings, celery: CelerySettings, told: str
) -> None:
    with pytest.raises(InvalidInputError, match=told):
        configuration(settings.model_copy(update={"celery": celery}))
