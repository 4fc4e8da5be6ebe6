"""Events of senders whose clocks are off: times by our clock, states in order, no span below zero."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.names import Names

NOW = 1_792_900_800.0
"""2026-10-25, the night in which clocks go back."""
OFF_S = (300.0, -300.0, 45.0, -45.0, 0.9, -0.9, 0.0, 2.3e9, -1.7e9, 3600.0, -3600.0)


class Worker:
    """Sends events stamped by a clock of its own."""

    def __init__(self, state: EventsState, name: str, off_s: float) -> None:
        self.state, self.name, self.off_s = state, name, off_s

    def send(self, kind: str, at: float, task: str = "t", **fields: Any) -> None:
        """Send an event, which is heard right then."""
        event = {"type": kind, "uuid": task, "hostname": self.name, "timestamp": at + self.off_s, **fields}
        self.state.fold([event], at, at)


@pytest.fixture
def state() -> EventsState:
    return EventsState(Names())


@pytest.mark.parametrize("worker_off_s", OFF_S)
@pytest.mark.parametrize("sender_off_s", OFF_S)
def test_a_tasks_times_are_by_our_clock(state: EventsState, worker_off_s: float, sender_off_s: float) -> None:
    worker, sender = Worker(state, "w@h", worker_off_s), Worker(state, "gen@p", sender_off_s)
    for beat in range(4):
        worker.send("worker-heartbeat", NOW - 10.0 + 2 * beat, freq=2.0)
    sender.send("task-sent", NOW, queue="q")
    worker.send("task-received", NOW + 1.0, name="n")
    worker.send("task-started", NOW + 2.0)
    worker.send("task-succeeded", NOW + 5.0, runtime=3.0)
    task = state.tasks["t"]
    assert task.state == "SUCCESS"
    times = [task.sent_at, task.received_at, task.started_at, task.finished_at]
    for told, true in zip(times, (NOW, NOW + 1.0, NOW + 2.0, NOW + 5.0), strict=True):
        assert told is not None
        assert abs(told - true) <= (45.0 if sender_off_s == -45.0 and true == NOW else 1.0)
    assert task.received_at <= task.started_at <= task.finished_at  # type: ignore[operator]


def test_a_retry_on_a_worker_whose_clock_is_behind_is_seen(state: EventsState) -> None:
    ahead, behind = Worker(state, "ahead@h", 300.0), Worker(state, "behind@h", -300.0)
    for worker in (ahead, behind):
        worker.send("worker-heartbeat", NOW - 1.0, freq=2.0)
    ahead.send("task-failed", NOW, exception="E()", traceback="tb")
    behind.send("task-received", NOW + 4.0, name="n")
    behind.send("task-started", NOW + 5.0)
    assert (state.tasks["t"].state, state.tasks["t"].worker) == ("STARTED", "behind@h")


def test_a_worker_whose_clock_steps_is_believed_again_after_some_heartbeats(state: EventsState) -> None:
    worker = Worker(state, "w@h", 0.0)
    worker.send("worker-heartbeat", NOW, freq=2.0)
    worker.off_s = -3600.0
    for beat in range(1, 4):
        worker.send("worker-heartbeat", NOW + 2 * beat, freq=2.0)
    worker.send("task-started", NOW + 7.0)
    assert state.tasks["t"].started_at == NOW + 7.0


def test_what_is_heard_late_is_not_taken_for_a_wrong_clock(state: EventsState) -> None:
    Worker(state, "w@h", 0.0).send("worker-heartbeat", NOW, freq=2.0)
    event = {"type": "task-started", "uuid": "t", "hostname": "w@h", "timestamp": NOW + 1.0}
    state.fold([event], NOW + 30.0, NOW + 30.0)
    assert state.tasks["t"].started_at == NOW + 1.0


TOLD = st.tuples(
    st.sampled_from(["received", "started", "succeeded", "failed", "retried"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0.0, 5.0),
)


@given(st.lists(TOLD, max_size=12))
def test_nothing_happens_in_the_future_whatever_is_told(told: list[tuple[str, float, float]]) -> None:
    state, now = EventsState(Names()), NOW
    for kind, timestamp, later in told:
        now += later
        event = {"type": f"task-{kind}", "uuid": "t", "hostname": "w@h", "timestamp": timestamp}
        state.fold([event], now, now)
    for task in state.tasks.values():
        times = (task.sent_at, task.received_at, task.started_at, task.finished_at)
        assert all(at is None or NOW - 300.0 <= at <= now for at in times)
