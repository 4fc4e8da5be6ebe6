from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from earthgazer_tui.fleet.live.events import EventStream
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.names import Names
from tests.tui.fleet.conftest import ForeignFleet, listeners, wait_for


@pytest.fixture
def state() -> EventsState:
    return EventsState(Names())


@pytest.fixture
def stream(foreign: ForeignFleet, state: EventsState) -> Iterator[EventStream]:
    stream = EventStream(foreign.app, state, lambda: None)
    stream.start()
    wait_for(lambda: stream.is_listening)
    yield stream
    stream.stop()


@pytest.mark.fleet
def test_events_of_a_real_worker_become_tasks(
    foreign: ForeignFleet, state: EventsState, stream: EventStream
) -> None:
    foreign.start_worker()
    wait_for(lambda: "w1@test" in state.workers)
    added = foreign.send("foreign.add", 1, 2)
    failed = foreign.send("foreign.fail", "no \x1b[31mluck")
    evil = foreign.send("foreign.evil\x1b]0;owned\x07\u202e", "\x9b2J")
    wait_for(lambda: state.ended == 3)
    task = state.tasks[added]
    assert (task.name, task.state, task.queue, task.worker) == (
        "foreign.add",
        "SUCCESS",
        "foreign",
        "w1@test",
    )
    assert (task.args, task.result) == ("(1, 2)", "3")
    assert task.runtime_s is not None
    failure = state.tasks[failed]
    assert failure.state == "FAILURE"
    assert failure.error is not None
    assert failure.error.startswith("ValueError(")
    assert "test_events" not in failure.traceback
    assert "ValueError" in failure.traceback
    assert state.failed == 1
    hostile = state.tasks[evil]
    assert hostile.name == "foreign.evil\\x1b]0;owned\\x07\\u202e"
    everything = "".join(str(getattr(task, slot)) for task in state.tasks.values() for slot in task.__slots__)
    assert not set(everything) & set("\x1b\x9b\x07\u202e")


@pytest.mark.fleet
def test_a_running_task_is_on_its_worker_until_it_ends(
    foreign: ForeignFleet, state: EventsState, stream: EventStream
) -> None:
    foreign.start_worker()
    wait_for(lambda: "w1@test" in state.workers)
    task_id = foreign.send("foreign.sleep", 1.0)
    wait_for(lambda: task_id in state.workers["w1@test"].running)
    wait_for(lambda: task_id not in state.workers["w1@test"].running)
    assert state.tasks[task_id].state == "SUCCESS"


@pytest.mark.fleet
def test_a_warm_stop_is_told_and_a_kill_is_not(
    foreign: ForeignFleet, state: EventsState, stream: EventStream
) -> None:
    first = foreign.start_worker("first")
    second = foreign.start_worker("second")
    wait_for(lambda: {"first@test", "second@test"} <= state.workers.keys())
    os.killpg(second.pid, signal.SIGKILL)
    first.terminate()
    wait_for(lambda: state.workers["first@test"].is_stopped)
    assert not state.workers["second@test"].is_stopped


def _envelope(events: Any) -> bytes:
    body = base64.b64encode(json.dumps(events).encode()).decode()
    return json.dumps({
        "body": body, "content-encoding": "utf-8", "content-type": "application/json", "headers": {},
        "properties": {"delivery_mode": 1, "delivery_info": {}, "priority": 0, "body_encoding": "base64"},
    }).encode()  # fmt: skip


def _life(number: int) -> list[dict[str, Any]]:
    task = {"uuid": f"00000000-0000-0000-0000-{number:012}", "hostname": f"w{number % 4}@test", "pid": 1}
    at = 1e9 + number
    ending = (
        {"type": "task-failed", "exception": "ValueError('x')", "traceback": "…", "timestamp": at + 3}
        if number % 100 == 0
        else {"type": "task-succeeded", "result": "1", "runtime": 0.1, "timestamp": at + 3}
    )
    return [
        {**task, **event}
        for event in (
            {"type": "task-sent", "name": "t.t", "args": "()", "kwargs": "{}", "queue": "q", "timestamp": at},
            {"type": "task-received", "name": "t.t", "args": "()", "kwargs": "{}", "timestamp": at + 1},
            {"type": "task-started", "timestamp": at + 2},
            ending,
        )
    ]


@pytest.mark.fleet
def test_a_flood_is_counted_whole_and_kept_within_bounds(
    redis_client: redis.Redis, foreign: ForeignFleet
) -> None:
    state = EventsState(Names(), max_tasks=2_000, max_failures=1_000)
    stream = EventStream(foreign.app, state, lambda: None)
    stream.start()
    wait_for(lambda: stream.is_listening)
    wait_for(lambda: listeners(redis_client) == 1)
    tasks = 20_000
    database = redis_client.connection_pool.connection_kwargs["db"]
    pipeline = redis_client.pipeline(transaction=False)
    for first in range(0, tasks, 6):
        batch = [event for number in range(first, min(first + 6, tasks)) for event in _life(number)]
        pipeline.publish(f"/{database}.celeryev/task.multi", _envelope(batch))
        if first % 600 == 0:
            pipeline.execute()
    pipeline.execute()
    wait_for(lambda: state.events == tasks * 4, 30)
    stream.stop()
    assert (state.ended, state.failed, state.malformed) == (tasks, tasks // 100, 0)
    assert len(state.tasks) <= 2_000
    # Whatever was shed or evicted, no failure was.
    assert len(state.failures) + sum(t.state == "FAILURE" for t in state.tasks.values()) == tasks // 100
    assert not any(worker.running for worker in state.workers.values())
