"""The live fleet on a broker alone: no database, no recorder, no EarthGazer."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from earthgazer_core.stack.valkey import ValkeyServer
from earthgazer_tui.fleet.errors import FleetError, ReadOnlyError, RefusedError, UnavailableError
from earthgazer_tui.fleet.live import workers_view
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.live.snapshot import visible
from earthgazer_tui.fleet.models import Resize, RetryMode, ServiceState, Snapshot, Worker, WorkerState
from tests.tui.fleet.conftest import ForeignFleet, listeners, wait_for
from tests.tui.fleet.watching import until

pytestmark = pytest.mark.fleet


def _worker(snapshot: Snapshot, hostname: str = "w1@test") -> Worker | None:
    return next((worker for worker in snapshot.workers if worker.hostname == hostname), None)


def _is(snapshot: Snapshot, state: WorkerState, hostname: str = "w1@test") -> bool:
    worker = _worker(snapshot, hostname)
    return worker is not None and worker.state is state


def _knows_pool(snapshot: Snapshot, size: int = 2) -> bool:
    worker = _worker(snapshot)
    return worker is not None and worker.pool_size == size


@pytest.fixture
async def fleet(foreign: ForeignFleet) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=foreign.broker_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


async def test_a_worker_and_its_tasks_are_seen(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    foreign.start_worker()
    snapshot = await until(fleet, _knows_pool)
    worker = _worker(snapshot)
    assert worker is not None
    assert (worker.pool, worker.queues, worker.resize_refusal) == ("prefork", ("foreign",), "")
    assert snapshot.database.state is ServiceState.ABSENT
    assert [queue.name for queue in (await until(fleet, lambda s: s.queues)).queues] == ["foreign"]
    task_id = foreign.send("foreign.sleep", 1.5)
    snapshot = await until(fleet, lambda s: (w := _worker(s)) and w.running)
    worker = _worker(snapshot)
    assert worker is not None
    assert [(task.task_id, task.name) for task in worker.running] == [(task_id, "foreign.sleep")]
    snapshot = await until(fleet, lambda s: s.recent and s.recent[0].state == "SUCCESS")
    assert snapshot.recent[0].task_id == task_id
    await until(fleet, lambda s: s.counters.finished_per_s > 0)


async def test_messages_are_judged_by_the_visibility_timeout_of_the_workers(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    foreign.send("foreign.add", 1, 2)
    snapshot = await until(fleet, lambda s: s.queues)
    assert snapshot.queues[0].visibility_timeout_s == 3600
    process = foreign.start_worker()
    await until(fleet, lambda s: s.queues and s.queues[0].visibility_timeout_s == 60)
    task_id = foreign.send("foreign.sleep", 2)
    await until(fleet, lambda s: s.queues[0].unacked)
    [held] = (await fleet.queue_contents("foreign")).messages
    assert held.task_id == task_id
    assert held.given_back_in_s is not None
    assert 50 < held.given_back_in_s <= 60
    process.terminate()
    await until(fleet, lambda s: _is(s, WorkerState.STOPPED) and s.queues[0].visibility_timeout_s == 3600)


async def test_depth_is_split_by_priority_and_a_queue_without_consumer_alerts(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    for priority in (0, 0, 3, 9):
        foreign.send("foreign.add", 1, 2, priority=priority)
    # Depths, consumers and ages are asked one after the other.
    snapshot = await until(
        fleet,
        lambda s: (
            s.queues
            and s.queues[0].depth == 4
            and s.queues[0].consumers == 0
            and s.counters.oldest_waiting_s is not None
            and any(a.severity == "critical" and "no worker consumes" in a.text for a in s.alerts)
        ),
    )
    assert snapshot.queues[0].by_priority == ((0, 2), (3, 1), (9, 1))
    assert snapshot.badges.queues == 4


async def test_a_killed_worker_is_late_then_lost_and_never_called_stopped(
    foreign: ForeignFleet, fleet: LiveFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_view, "LOST_S", 9.0)
    monkeypatch.setattr(workers_view, "LOST_HEARTBEATS", 4.5)
    process = foreign.start_worker()
    await until(fleet, _knows_pool)
    os.killpg(process.pid, signal.SIGKILL)
    snapshot = await until(fleet, lambda s: _is(s, WorkerState.LATE))
    worker = _worker(snapshot)
    assert worker is not None
    assert worker.last_seen_s >= 6.0
    assert any("is late: last seen" in alert.text for alert in snapshot.alerts)
    snapshot = await until(fleet, lambda s: _is(s, WorkerState.LOST))
    assert any("was not heard of for long" in alert.text for alert in snapshot.alerts)
    assert snapshot.badges.workers == 0


async def test_a_worker_that_stops_warm_says_so(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    process = foreign.start_worker()
    await until(fleet, _knows_pool)
    process.terminate()
    await until(fleet, lambda s: _is(s, WorkerState.STOPPED))


async def test_a_pool_grows_and_shrinks_for_real(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    foreign.start_worker()
    await until(fleet, _knows_pool)
    grown = await fleet.tell_workers(["w1@test"], Resize(1))
    assert grown.is_ok
    assert grown.summary == "w1@test: 2 → 3 processes; lost when it restarts"
    assert [reply.worker for reply in grown.replies] == ["w1@test"]
    await until(fleet, lambda s: _knows_pool(s, 3))
    await fleet.tell_workers(["w1@test"], Resize(-1))
    await until(fleet, _knows_pool)


async def test_a_pool_that_can_not_be_resized_says_why(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    foreign.start_worker("w1", "-P", "solo")
    snapshot = await until(fleet, lambda s: (w := _worker(s)) and w.pool == "solo")
    worker = _worker(snapshot)
    assert worker is not None
    assert "solo" in worker.resize_refusal
    with pytest.raises(RefusedError, match="solo"):
        await fleet.tell_workers(["w1@test"], Resize(1))


async def test_a_worker_without_events_is_asked_for_them(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    foreign.start_worker(events=False)
    await until(fleet, _knows_pool)
    ended = time.monotonic() + 20
    while time.monotonic() < ended:
        foreign.send("foreign.add", 1, 2)
        snapshot = await until(fleet, lambda s: s.recent)
        if any(row.state == "SUCCESS" for row in snapshot.recent):
            return
        await asyncio.sleep(0.2)
    raise AssertionError("no task event came")


async def test_read_only_changes_nothing_and_says_that_workers_are_deaf(foreign: ForeignFleet) -> None:
    fleet = LiveFleet(LiveOptions(broker_url=foreign.broker_url, refresh_hz=10, read_only=True))
    await fleet.open(lambda step: None)
    try:
        foreign.start_worker(events=False)
        await until(fleet, _knows_pool)
        foreign.send("foreign.add", 1, 2)
        snapshot = await until(fleet, lambda s: s.counters.is_deaf)
        assert any("none sends task events" in alert.text for alert in snapshot.alerts)
        for verb in (
            fleet.tell_workers(["w1@test"], Resize(1)), fleet.enable_events(),
            fleet.revoke(["x"]), fleet.retry(["x"]), fleet.dismiss(["x"]), fleet.cancel_run("x"),
            fleet.discover(), fleet.process([1]), fleet.discover_and_process(),
            fleet.start_worker("io"), fleet.stop_worker("io1"),
        ):  # fmt: skip
            with pytest.raises(ReadOnlyError):
                await verb
    finally:
        await fleet.close(None)


async def test_hostile_names_arrive_harmless_and_commands_still_reach_them(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    queue = "q\x1b[2J\u202e"
    foreign.start_worker("w\u202e1", "-Q", queue)
    shown = "w\\u202e1@test"
    snapshot = await until(fleet, lambda s: (w := _worker(s, shown)) and w.pool_size == 2)
    worker = _worker(snapshot, shown)
    assert worker is not None
    assert worker.queues == ("q\\x1b[2J\\u202e",)
    assert (await fleet.tell_workers([shown], Resize(1))).replies[0].worker == shown
    foreign.send("foreign.evil\x1b]0;owned\x07\u202e", "\x9b2J", queue=queue)
    snapshot = await until(fleet, lambda s: s.recent and s.recent[0].state == "SUCCESS")
    assert snapshot.recent[0].name == "foreign.evil\\x1b]0;owned\\x07\\u202e"
    assert not set(repr(snapshot).encode().decode()) & set("\x1b\x9b\x07\u202e")
    detail = await fleet.task(snapshot.recent[0].task_id)
    assert "\x9b" not in detail.args
    assert detail.args_source == "event (may be cut)"


async def test_failures_of_a_foreign_fleet_are_listed_and_a_copy_is_offered(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    foreign.start_worker()
    await until(fleet, _knows_pool)
    task_id = foreign.send("foreign.fail", "out of luck")
    await until(fleet, lambda s: s.recent and s.recent[0].state == "FAILURE")
    (row,) = await fleet.failed()
    assert (row.task_id, row.error_type, row.error_message) == (task_id, "ValueError", "out of luck")
    assert await fleet.failed("name:other") == ()
    detail = await fleet.task(task_id)
    assert "ValueError: out of luck" in detail.traceback
    assert detail.retry.mode is RetryMode.COPY
    assert detail.args == '["out of luck"]'
    with pytest.raises(UnavailableError, match="no database"):
        await fleet.captures()
    with pytest.raises(RefusedError, match="EarthGazer"):
        await fleet.discover()


async def test_a_waiting_task_is_revoked_as_workers_confirm(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    foreign.start_worker()
    await until(fleet, _knows_pool)
    task_id = foreign.send("foreign.add", 1, 2, countdown=60)
    await until(fleet, lambda s: any(row.state == "RECEIVED" for row in s.recent))
    result = await fleet.revoke([task_id])
    assert result.is_ok
    assert [(reply.worker, reply.is_ok) for reply in result.replies] == [("w1@test", True)]


async def test_an_idle_fleet_yields_nothing_for_seconds(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    foreign.start_worker()
    await until(fleet, lambda s: (w := _worker(s)) and w.uptime_s is not None and w.uptime_s >= 10.0)
    seen: list[Snapshot] = []

    async def collect() -> None:
        async for snapshot in fleet.watch():
            seen.append(snapshot)  # noqa: PERF401 - cancelled halfway, it keeps what it has

    task = asyncio.create_task(collect())
    await asyncio.sleep(4.0)
    task.cancel()
    # The load of this host is not the fleet's: whatever else runs here changes it.
    bare = [replace(s, workers=tuple(replace(worker, load=()) for worker in s.workers)) for s in seen]
    looks = {repr(visible(snapshot)) for snapshot in bare}
    assert len(looks) <= 2


@pytest.fixture
def own_valkey(short_directory: Path) -> ValkeyServer:
    return ValkeyServer(short_directory, dies_with_parent=True)


async def test_a_broker_that_goes_and_comes_is_followed(own_valkey: ValkeyServer) -> None:
    own_valkey.start()
    foreign = ForeignFleet(own_valkey.url)
    fleet = LiveFleet(LiveOptions(broker_url=own_valkey.url, refresh_hz=10))
    try:
        await fleet.open(lambda step: None)
        foreign.start_worker()
        await until(fleet, _knows_pool)
        await until(fleet, lambda s: s.queues)
        first = foreign.send("foreign.add", 1, 2)
        await until(fleet, lambda s: any(r.task_id == first and r.state == "SUCCESS" for r in s.recent))
        await asyncio.to_thread(own_valkey.stop)
        snapshot = await until(fleet, lambda s: s.broker.state is ServiceState.DOWN)
        assert snapshot.broker.since is not None
        assert _is(snapshot, WorkerState.SEEN), "an outage of the broker is not the worker's fault"
        assert snapshot.queues, "the last data stay"
        with pytest.raises(FleetError):
            await fleet.tell_workers(["w1@test"], Resize(1))
        await asyncio.to_thread(own_valkey.start)
        await until(fleet, lambda s: s.broker.state is ServiceState.UP and _is(s, WorkerState.SEEN))
        # What runs before the worker was asked for events again is not heard of.
        later: set[str] = set()

        def is_heard(snapshot: Snapshot) -> bool:
            later.add(foreign.send("foreign.add", 1, 2))
            return any(row.task_id in later and row.state == "SUCCESS" for row in snapshot.recent)

        await until(fleet, is_heard)
        snapshot = await until(
            fleet, lambda s: s.queues and s.queues[0].depth == 0 and not s.queues[0].unacked
        )
        assert (await fleet.tell_workers(["w1@test"], Resize(1))).is_ok
    finally:
        await fleet.close(None)
        foreign.stop()
        own_valkey.stop()


async def test_a_broker_that_is_down_at_the_start_comes_up_by_itself(own_valkey: ValkeyServer) -> None:
    own_valkey.start()
    url = own_valkey.url
    own_valkey.stop()
    fleet = LiveFleet(LiveOptions(broker_url=url, refresh_hz=10))
    try:
        await fleet.open(lambda step: None)
        snapshot = await until(fleet, lambda s: s.broker.state is ServiceState.DOWN)
        assert snapshot.queues == ()
        await asyncio.to_thread(own_valkey.start)
        await until(fleet, lambda s: s.broker.state is ServiceState.UP)
    finally:
        await fleet.close(None)
        own_valkey.stop()


async def test_a_broker_that_speaks_no_redis_is_down_with_a_reason() -> None:
    server = await asyncio.start_server(_say_nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fleet = LiveFleet(LiveOptions(broker_url=f"redis://:hunter2@127.0.0.1:{port}/0", refresh_hz=10))
    try:
        await fleet.open(lambda step: None)
        snapshot = await until(fleet, lambda s: s.broker.state is ServiceState.DOWN)
        assert snapshot.broker.detail
        assert "hunter2" not in repr(snapshot)
    finally:
        await fleet.close(None)
        server.close()
        await server.wait_closed()


async def _say_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_closing_leaves_nothing_in_the_broker(
    foreign: ForeignFleet, fleet: LiveFleet, redis_client: redis.Redis
) -> None:
    await until(fleet, lambda s: s.broker.state is ServiceState.UP)
    await asyncio.to_thread(wait_for, lambda: listeners(redis_client) == 1)
    await fleet.enable_events()
    await fleet.close(None)
    assert not [
        key for key in redis_client.keys("*") if b"reply.celery.pidbox" in key and b"binding" not in key
    ]
    await asyncio.to_thread(wait_for, lambda: listeners(redis_client) == 0)
