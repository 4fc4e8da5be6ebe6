"""An operator's session on an embedded stack: everything real, from the first start to the end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.stack.client import StackClient
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.live.services import settings_of
from earthgazer_tui.fleet.models import (
    QuitChoice,
    RetryMode,
    RunRow,
    StartStep,
    StepState,
    WorkerState,
)
from tests.tui.fleet import rows
from tests.tui.fleet.watching import until

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(170)]


async def _ended(fleet: LiveFleet, index: int = 0) -> RunRow:
    async with asyncio.timeout(90):
        while True:
            runs = await fleet.runs()
            if len(runs) > index and runs[index].finished_at is not None and not runs[index].running:
                return runs[index]
            await asyncio.sleep(0.2)


async def test_an_operators_session(short_directory: Path) -> None:
    state_dir = short_directory / "state"
    steps: list[StartStep] = []
    fleet = LiveFleet(LiveOptions(state_dir=state_dir, refresh_hz=10))
    try:
        await fleet.open(steps.append)
        assert {"Valkey", "Postgres", "migrations"} <= {step.name for step in steps}
        snapshot = await until(fleet, lambda s: s.badges.workers == 2 and s.first_steps, 40)
        assert (snapshot.context, snapshot.is_embedded) == ("embedded", True)
        snapshot = await until(fleet, lambda s: all(w.local_name and w.pool_size for w in s.workers))
        assert {worker.local_name for worker in snapshot.workers} == {"io1", "cpu1"}
        assert any(step.name.startswith("worker") and step.state is StepState.READY for step in steps)
        keys = [(step.name, step.state) for step in steps]
        assert len(keys) == len(set(keys)), "each step is told once"

        # The sandbox from nothing to NDVI.
        assert (await fleet.discover_and_process()).is_ok
        run = await _ended(fleet)
        assert (run.state, run.failed, run.done) == ("succeeded", 0, run.total)
        captures = await fleet.captures()
        processed = [row for row in captures if row.outcome == "ok"]
        assert len(processed) >= 5
        assert {row.outcome for row in captures} >= {"ok", "no_clear_pixels"}
        detail = await fleet.capture(processed[0].capture_id)
        assert detail.statistics is not None
        assert sum(detail.statistics.counts) + detail.statistics.below + detail.statistics.above == (
            detail.statistics.valid
        )
        assert {preview.kind for preview in detail.previews} == {"ndvi", "rgb"}
        assert detail.series[0].n >= 5
        (place,) = await fleet.freshness()
        assert place.last_success_at is not None
        tree = await fleet.run(run.run_id)
        assert {"earthgazer.io.discover_images", "earthgazer.cpu.compute_ndvi"} <= {
            s.name for s in tree.steps
        }

        # A failure, and its retry in place.
        broken = await asyncio.to_thread(_add_broken_capture, state_dir)
        assert (await fleet.process([broken])).is_ok
        await until(fleet, lambda s: s.badges.failed, 40)
        failures = [row for row in await fleet.failed() if row.capture_id == broken and not row.blocked_by]
        assert [row.attempt for row in failures] == [1]
        failure = failures[0]
        shown = await fleet.task(failure.task_id)
        assert shown.args_source == "recorded message"
        assert str(broken) in shown.kwargs + shown.args
        assert shown.retry.mode is RetryMode.IN_PLACE
        (item,) = (await fleet.plan_retry([failure.task_id])).items
        assert (item.mode, item.queue) == ("in place", "io_queue")
        assert (await fleet.retry([failure.task_id])).is_ok
        again = shown
        async with asyncio.timeout(30):
            while (again.row.state, again.row.attempt) != ("FAILURE", 2):
                await asyncio.sleep(0.1)
                again = await fleet.task(failure.task_id)
        (row,) = await fleet.captures(f"id:{broken}")
        assert row.outcome == "failed"

        # Workers of our own come and go.
        result = await fleet.start_worker("cpu")
        assert result.is_ok, result
        snapshot = await until(fleet, lambda s: any(w.local_name == "cpu2" for w in s.workers))
        hostname = next(worker.hostname for worker in snapshot.workers if worker.local_name == "cpu2")
        assert (await fleet.stop_worker("cpu2")).is_ok
        await until(
            fleet,
            lambda s: all(w.hostname != hostname or w.state is WorkerState.STOPPED for w in s.workers),
        )
        work = await fleet.work_in_progress()
        assert (work.is_embedded, work.other_consoles) == (True, 0)
    finally:
        await fleet.close(QuitChoice.STOP)
    assert not StackClient(state_dir).is_running()


def _add_broken_capture(state_dir: Path) -> int:
    """Add a capture whose files are nowhere."""
    settings = settings_of(StackClient(state_dir).env())
    database = Database(make_engine(settings.database))
    with database.session() as session:
        capture = rows.capture(session, sensing_time=datetime(2026, 1, 2, tzinfo=UTC), source="files")
        for asset in capture.assets:
            asset.href = "file:///nowhere/B04.tif"
        number = capture.id
    database.dispose()
    return number


async def test_a_detached_stack_outlives_its_consoles(short_directory: Path) -> None:
    state_dir = short_directory / "state"
    first = LiveFleet(LiveOptions(state_dir=state_dir, detach=True))
    second = LiveFleet(LiveOptions(state_dir=state_dir))
    client = StackClient(state_dir)
    try:
        await first.open(lambda step: None)
        await second.open(lambda step: None)
        assert (await second.work_in_progress()).other_consoles == 1
        assert not (await second.work_in_progress()).is_embedded, "left running on purpose: not to be ended"
        await first.close(QuitChoice.STOP)
        await second.close(QuitChoice.STOP)
        assert await asyncio.to_thread(client.is_running)
    finally:
        await first.close(None)
        await second.close(None)
        await asyncio.to_thread(_end, client)


def _end(client: StackClient) -> None:
    from earthgazer_core.stack.models import Release

    if client.is_running():
        client.shutdown(Release.STOP, timeout_s=60)
