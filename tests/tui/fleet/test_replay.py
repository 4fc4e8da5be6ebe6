"""A real fleet recorded by the command line, and gone through again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.errors import NotFoundError as CoreNotFoundError
from earthgazer_core.recording.frames import EventsHeard
from earthgazer_core.recording.reader import RecordingReader
from earthgazer_core.stack.valkey import ValkeyServer
from earthgazer_tui.fleet.errors import FleetError, NotFoundError, ReadOnlyError, RefusedError
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.models import ReplayPosition, Snapshot
from earthgazer_tui.fleet.replay.fleet import ReplayFleet, read_place
from tests.conftest import fresh_broker, redis_py_url
from tests.tui.fleet.conftest import ForeignFleet, wait_for
from tests.tui.fleet.watching import until

SECRET = "hunter2-never-written"


@pytest.fixture(scope="module")
def fleet_of_a_night(valkey: ValkeyServer) -> Iterator[ForeignFleet]:
    """A fleet on a logical database that no other test uses."""
    url = fresh_broker(valkey)
    fleet = ForeignFleet(url)
    yield fleet
    fleet.stop()
    with redis.Redis.from_url(redis_py_url(url)) as client:
        client.flushdb()


@pytest.fixture(scope="module")
def recording(fleet_of_a_night: ForeignFleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command line recorded of a fleet whose tasks ended well, badly, and not at all."""
    foreign, name = fleet_of_a_night, tmp_path_factory.mktemp("recording") / "night.egr"
    earthgazer = Path(sys.executable).with_name("earthgazer")
    process = subprocess.Popen(
        [str(earthgazer), "record", str(name), "--broker", foreign.broker_url, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "HOME": str(name.parent)},
    )  # fmt: skip
    try:
        # A segment is there before its recorder listens: what is sent in between is heard by nobody.
        wait_for(lambda: _kinds(name, "BrokerNoted"), what="the recorder to listen")
        foreign.start_worker("w1")
        good = foreign.send("foreign.add", 1, 2)
        bad = foreign.send("foreign.fail", "ouch", kwargs={"password": SECRET})
        foreign.app.send_task("foreign.add", (3, 4), queue="nobody")

        def ended() -> bool:
            told = {(event.get("uuid"), event["type"]) for event in _events(name)}
            return {(good, "task-succeeded"), (bad, "task-failed")} <= told

        wait_for(ended, what="both ends in the recording")
        wait_for(lambda: b"nobody" in b"".join(_kinds(name, "QueuesSeen")), what="the queue nobody consumes")
        wait_for(lambda: _kinds(name, "WorkerAsked"), what="a worker's word")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out)["events"] >= 6
    return name


def _frames(name: Path) -> list[object]:
    try:
        return [frame.content for frame in RecordingReader(name).frames()]
    except (CoreNotFoundError, InvalidInputError):  # not there yet, or without its first line
        return []


def _events(name: Path) -> list[dict[str, object]]:
    return [
        dict(event)
        for content in _frames(name)
        if isinstance(content, EventsHeard)
        for event in content.events
    ]


def _kinds(name: Path, kind: str) -> list[bytes]:
    return [repr(content).encode() for content in _frames(name) if type(content).__name__ == kind]


@asynccontextmanager
async def replayed(recording: Path) -> AsyncIterator[ReplayFleet]:
    fleet = ReplayFleet(recording, LiveOptions())
    try:
        await fleet.open(lambda step: None)
        yield fleet
    finally:
        await fleet.close(None)


async def test_the_end_of_a_recording_shows_what_was_there(recording: Path) -> None:
    async with replayed(recording) as fleet:
        await fleet.seek_replay("end")
        snapshot = await until(fleet, lambda seen: len(seen.workers) == 1 and seen.workers[0].pool)
        (worker,) = snapshot.workers
        assert (worker.hostname, worker.pool, worker.pool_size) == ("w1@test", "prefork", 2)
        depths = {queue.name: (queue.depth, queue.consumers) for queue in snapshot.queues}
        assert depths["nobody"] == (1, 0)
        assert snapshot.replay is not None
        assert snapshot.replay.is_paused
        assert snapshot.replay.percent == 100
        assert abs((snapshot.taken_at - datetime.now(UTC)).total_seconds()) < 120
        (failed,) = await fleet.failed()
        assert (failed.name, failed.error_type) == ("foreign.fail", "TypeError")
        states = {task.name: task.state for task in await fleet.tasks("foreign.add state:success")}
        assert states == {"foreign.add": "SUCCESS"}
        detail = await fleet.task(failed.task_id)
        assert "unexpected keyword argument" in detail.traceback
        assert SECRET not in repr(detail)


async def test_one_can_go_back_to_before_it_happened_and_on_again(recording: Path) -> None:
    async with replayed(recording) as fleet:
        await fleet.toggle_replay()
        first = await until(fleet, lambda seen: seen.replay is not None)
        await fleet.seek_replay("end")
        await until(fleet, lambda seen: seen.badges.workers == 1)
        await fleet.seek_replay("start")
        early = await until(fleet, lambda seen: not seen.workers)
        assert early.replay is not None
        assert first.replay is not None
        assert early.replay.at == first.replay.begins_at
        assert await fleet.tasks() == ()
        await fleet.jump_replay(timedelta(hours=1))
        assert len(await fleet.tasks()) == 3
        await fleet.jump_replay(timedelta(hours=-1))
        assert await fleet.tasks() == ()


async def test_time_goes_on_by_itself_and_faster_when_asked(recording: Path) -> None:
    async with replayed(recording) as fleet:
        for _ in range(9):
            await fleet.change_replay_speed(1)
        snapshot = await until(fleet, lambda seen: seen.replay is not None and seen.replay.percent == 100)
        assert snapshot.replay is not None
        assert snapshot.replay.speed == 300
        await fleet.change_replay_speed(-4)
        await fleet.toggle_replay()
        again = await until(fleet, _is_not_over)
        assert again.replay is not None
        assert again.replay.speed == 4


def _is_not_over(snapshot: Snapshot) -> bool:
    return snapshot.replay is not None and not snapshot.replay.is_paused


async def test_nothing_of_a_recording_can_be_changed_or_asked_of_a_database(recording: Path) -> None:
    async with replayed(recording) as fleet:
        await fleet.seek_replay("end")
        with pytest.raises(ReadOnlyError, match="recording"):
            await fleet.revoke(["x"])
        with pytest.raises(ReadOnlyError, match="recording"):
            await fleet.discover_and_process()
        for asked in (fleet.runs(), fleet.captures(), fleet.schedule()):
            with pytest.raises(FleetError):
                await asked
        with pytest.raises(NotFoundError):
            await fleet.task("no-such-task")


async def test_secrets_are_not_in_the_files(recording: Path) -> None:
    text = b"".join(repr(frame).encode() for frame in RecordingReader(recording).frames())
    assert b"password" in text
    assert SECRET.encode() not in text
    for path in recording.parent.glob("*.egr"):
        assert path.stat().st_mode & 0o077 == 0


async def test_a_recording_that_is_not_there_is_told(tmp_path: Path) -> None:
    fleet = ReplayFleet(tmp_path / "gone.egr", LiveOptions())
    with pytest.raises(FleetError, match=r"gone\.000001\.egr"):
        await fleet.open(lambda step: None)
    await asyncio.wait_for(fleet.close(None), 5)


POSITION = ReplayPosition(
    at=datetime(2026, 3, 1, 3, 0, tzinfo=UTC).timestamp(),
    begins_at=datetime(2026, 3, 1, 2, 0, tzinfo=UTC).timestamp(),
    ends_at=datetime(2026, 3, 1, 4, 0, tzinfo=UTC).timestamp(),
    speed=1.0,
    is_paused=False,
    damaged_lines=0,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("03:12", "03:12:00"),
        ("3:12:44", "03:12:44"),
        ("2026-03-01 02:30:00", "02:30:00"),
        ("2026-03-01T04:30:00+01:00", "03:30:00"),
        ("25%", "02:30:00"),
        ("start", "02:00:00"),
        ("end", "04:00:00"),
    ],
)
def test_places_are_read(text: str, expected: str) -> None:
    assert f"{datetime.fromtimestamp(read_place(text, POSITION), UTC):%H:%M:%S}" == expected


@pytest.mark.parametrize(
    ("text", "reason"), [("noon", "is no place"), ("25:99", "is no place"), ("05:00", "outside")]
)
def test_what_is_no_place_is_told(text: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        read_place(text, POSITION)
