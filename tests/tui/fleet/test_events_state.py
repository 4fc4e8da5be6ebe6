from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.operations.events.envelope import events_of
from earthgazer_core.operations.filter import matcher
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.filter_line import event_fields, read_filter, told_matcher
from earthgazer_tui.fleet.live.names import Names

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TYPES = [
    "task-sent", "task-received", "task-started", "task-succeeded", "task-failed", "task-retried",
    "task-revoked", "task-rejected", "task-cancelled", "task-custom",
    "worker-online", "worker-heartbeat", "worker-offline",
]  # fmt: skip
FIELDS = [
    "uuid", "hostname", "timestamp", "name", "args", "kwargs", "retries", "eta", "queue", "root_id", "pid",
    "parent_id", "result", "runtime", "exception", "traceback", "freq", "active", "processed", "loadavg",
]  # fmt: skip
EVENTS = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    st.sampled_from(TYPES),
    st.dictionaries(
        st.sampled_from(FIELDS), JSON | st.sampled_from(["a", "b", "w@h", 1.0, 2.0]), max_size=12
    ),
)


def _event(
    kind: str, at: float = 1.0, task: str = "t1", worker: str = "w@h", **fields: Any
) -> dict[str, Any]:
    return {"type": kind, "uuid": task, "hostname": worker, "timestamp": at, **fields}


@pytest.fixture
def state() -> EventsState:
    return EventsState(Names())


@given(st.lists(EVENTS, max_size=30))
def test_whatever_is_published_never_stops_the_console(events: list[dict[str, Any]]) -> None:
    state = EventsState(Names(), max_tasks=5, max_failures=2)
    state.fold(events)
    assert state.events == len(events)
    assert len(state.tasks) <= 5
    assert len(state.failures) <= 2


def test_a_straggler_does_not_bring_a_finished_task_back(state: EventsState) -> None:
    state.fold([
        _event("task-succeeded", 3.0, result="1", runtime=0.5),
        _event("task-started", 2.0),
        _event("task-received", 1.0, name="t"),
    ])  # fmt: skip
    task = state.tasks["t1"]
    assert (task.state, task.name, task.started_at) == ("SUCCESS", "t", 2.0)
    assert not state.workers["w@h"].running


def test_a_retry_by_an_operator_starts_it_anew(state: EventsState) -> None:
    state.fold([_event("task-failed", 3.0, exception="E('x')", traceback="tb")])
    state.fold([_event("task-received", 9.0, name="t"), _event("task-started", 9.5)])
    task = state.tasks["t1"]
    assert (task.state, task.error, task.traceback) == ("STARTED", None, "")
    assert state.workers["w@h"].running == {"t1": task}


def test_the_workers_clock_is_not_believed(state: EventsState) -> None:
    state.fold([_event("worker-heartbeat", 32_400.0, freq=2.0)], now=50.0)
    assert state.workers["w@h"].seen == 50.0


def test_a_message_given_to_another_worker_runs_only_there(state: EventsState) -> None:
    state.fold([_event("task-started", 1.0, worker="a@h"), _event("task-started", 2.0, worker="b@h")])
    assert not state.workers["a@h"].running
    assert list(state.workers["b@h"].running) == ["t1"]


def test_a_new_process_under_the_same_name_runs_nothing_of_the_old(state: EventsState) -> None:
    state.fold([_event("worker-heartbeat", pid=1), _event("task-started", pid=1)])
    state.fold([_event("worker-heartbeat", pid=2)])
    assert not state.workers["w@h"].running


def test_failures_outlive_a_flood_of_successes() -> None:
    state = EventsState(Names(), max_tasks=10)
    state.fold([_event("task-failed", task="bad", exception="E()")])
    state.fold([_event("task-succeeded", task=f"t{number}") for number in range(100)])
    assert state.find("bad") is not None
    assert len(state.tasks) == 10


def test_unfinished_tasks_are_evicted_last() -> None:
    state = EventsState(Names(), max_tasks=10)
    state.fold([_event("task-started", task="long")])
    state.fold([_event("task-succeeded", task=f"t{number}") for number in range(100)])
    assert "long" in state.tasks


def test_what_is_shed_is_counted_and_failures_never_are(state: EventsState) -> None:
    state.is_lean = True
    state.fold([
        _event("task-received", task="a"),
        _event("task-succeeded", task="a"),
        _event("task-failed", task="b", exception="E()"),
    ])  # fmt: skip
    assert (state.events, state.shed, state.ended, state.failed) == (3, 2, 2, 1)
    assert list(state.tasks) == ["b"]


def test_a_worker_that_works_and_tells_nothing_is_deaf(state: EventsState) -> None:
    state.fold([_event("worker-heartbeat", processed=5)])
    assert not state.workers["w@h"].is_deaf
    state.fold([_event("worker-heartbeat", processed=6)])
    assert state.workers["w@h"].is_deaf


def test_the_control_reply_heartbeat_without_counts_changes_none(state: EventsState) -> None:
    state.fold([_event("worker-heartbeat", processed=5, active=1, loadavg=[1, 2, 3])])
    state.fold([_event("worker-heartbeat")])
    worker = state.workers["w@h"]
    assert (worker.processed, worker.active, worker.load) == (5, 1, (1.0, 2.0, 3.0))


def test_commands_go_to_the_real_name_behind_the_shown_one() -> None:
    names = Names()
    assert names.show("w\x1b@h") == "w\\x1b@h"
    assert names.real("w\\x1b@h") == "w\x1b@h"
    assert names.real("plain@h") == "plain@h"
    names.show("w\\x1b@h")
    names.show("q\x00")
    names.show("q\\x00")
    with pytest.raises(RefusedError, match="two names"):
        names.real("q\\x00")


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"{}", b'{"content-type": "application/x-python-serialize", "body": "gASVAA=="}',
        b'{"content-type": "application/json", "body": "1"}', b'{"content-type": "application/json"}',
    ],
)  # fmt: skip
def test_what_is_no_json_event_is_refused_and_never_unpickled(payload: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        events_of(payload)


@given(
    st.lists(EVENTS, max_size=20),
    st.sampled_from([
        "a", "-a", "state:failed", "-state:success", "error:e", "name:*a*", "worker:w", "runtime:>1",
        "runtime:..1", "wait:<1", "since:2h", "before:1970-01-02", "retries:0", "attempt:1", "run:x",
        "capture:1", "a -b state:success",
    ]),
)  # fmt: skip
def test_a_filter_says_the_same_of_a_record_as_of_all_its_fields(
    events: list[dict[str, Any]], line: str
) -> None:
    state = EventsState(Names())
    state.fold(events)
    now, filter_ = datetime.now(UTC), read_filter(line)
    by_record, by_fields = told_matcher(filter_, now), matcher(filter_, now)
    for task in state.tasks.values():
        assert by_record(task) == by_fields(event_fields(task))


def test_missed_events_are_told_once_nobody_listened_for_a_while(state: EventsState) -> None:
    state.note_gap()
    assert (state.gaps, state.gap_at) == (0, None)
    state.note_gap()
    assert state.gaps == 1
    assert state.gap_at is not None


def test_what_had_not_ended_before_an_outage_is_in_doubt_until_somebody_knows() -> None:
    state = EventsState(Names())
    sent = {"type": "task-sent", "name": "t", "hostname": "p@h", "timestamp": 1.0}
    state.fold([{**sent, "uuid": task_id} for task_id in ("recorded", "told", "nobody")])
    state.doubt_unfinished()
    assert {task.state for task in state.tasks.values()} == {"UNSEEN"}
    assert state.unseen(2) == ["told", "nobody"]
    state.settle("recorded", "SUCCESS", 5.0)
    state.fold([{"type": "task-started", "uuid": "told", "hostname": "w@h", "timestamp": 6.0, "pid": 1}])
    state.settle("told", "PENDING", 7.0)
    assert {task.task_id: task.state for task in state.tasks.values()} == {
        "recorded": "SUCCESS", "told": "STARTED", "nobody": "UNSEEN",
    }  # fmt: skip
    assert state.unseen(10) == ["nobody"]
