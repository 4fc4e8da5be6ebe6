from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from earthgazer_tui.fleet.live.events import EventStream
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.names import Names
from tests.tui.fleet.conftest import ForeignFleet, wait_for


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
