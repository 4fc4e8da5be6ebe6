"""Where the arguments of a task come from, each source with real servers and workers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.utils.saferepr import saferepr
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.db.session import Database
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.arguments import Arguments, Sources, find_arguments
from earthgazer_core.operations.copies import Copier, Ended
from earthgazer_core.operations.literal import read_literal
from earthgazer_core.operations.lock import Held, Holder, OperatorLock
from earthgazer_core.operations.stored_result import read_result
from tests.core.operations.tuned_fleet import TunedFleet, tuned_fleet
from tests.core.recorder.fleet import eventually
from tests.core.recorder.foreign_app import ForeignConfig

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.lists(VALUES, max_size=3))
def test_a_text_that_is_read_is_what_was_sent(args: list[Any]) -> None:
    value, reason = read_literal(saferepr(args, maxlen=1024))
    assert reason or value == args


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "none were told"),
        ("('x',...)", "cut"),
        ("'" + "x" * 1030 + "'", "cut at 1024"),
        ("('a\\x1b',)", "two ways"),
        ("(<object at 0x7f>,)", "no literals"),
        ("({1, 2},)", "a set"),
        ("(b'78ff',)", "a bytes"),
        ("('***',)", "a mask"),
        ("{'token': '[redacted]'}", "a mask"),
        ("{1: 2}", "no text"),
        ("( 1,)", "read back"),
    ],
)
def test_a_text_that_may_mean_something_else_is_refused(text: str, reason: str) -> None:
    value, told = read_literal(text)
    assert value is None
    assert reason in told


@pytest.fixture
def fleet(
    broker_url: str, migrated_database_url: str, database: Database, tmp_path: Path
) -> Iterator[TunedFleet]:
    with tuned_fleet(ForeignConfig(broker_url, migrated_database_url, tmp_path), database) as fleet:
        yield fleet


@pytest.mark.fleet
def test_each_source_is_asked_in_its_turn(fleet: TunedFleet) -> None:
    fleet.configure(result_extended=True)
    waiting = str(fleet.app.tasks["steps.wait"].apply_async(("go",), priority=3).id)
    everything = Sources(broker=fleet.broker, mailbox=fleet.mailbox, app=fleet.app, told=("['go']", "{}"))
    fleet.until(waiting, "PENDING")
    recorded = find_arguments(waiting, replace(everything, database=fleet.database))
    assert (recorded.source, list(recorded.args or ())) == ("recorded message", ["go"])
    found = find_arguments(waiting, everything)
    assert (found.source, found.args, found.kwargs) == ("message that waits in queue steps", ["go"], {})
    assert (found.queue, found.priority, found.is_live) == ("steps", 3, True)
    fleet.start_worker()
    fleet.until(waiting, "PROGRESS")
    held = find_arguments(waiting, everything)
    assert (held.source, held.args) == ("message of queue steps, held by a worker", ["go"])
    asked = find_arguments(waiting, replace(everything, broker=None, expected=("one@test",)))
    assert (asked.source, asked.args) == ("one@test (active, by inspect)", ["go"])
    fleet.raise_flag("go")
    fleet.until(waiting, "SUCCESS")
    ended = find_arguments(waiting, everything)
    assert (ended.source, ended.args, ended.is_live) == ("extended result", ["go"], False)
    told = find_arguments("another", Sources(told=("['go']", "{}")))
    assert (told.source, told.args) == ("text in events", ["go"])
    assert "an author may have put other words" in told.reason
    nobody = find_arguments("another", Sources(broker=fleet.broker, app=fleet.app, told=("('x...", "{}")))
    assert not nobody.is_known
    assert nobody.reason == "all that is left of its arguments is the text in events: they are cut"


@pytest.mark.fleet
def test_a_message_that_is_no_json_is_known_as_a_whole_and_never_opened(fleet: TunedFleet) -> None:
    task = str(fleet.app.tasks["steps.add"].apply_async((1,), serializer="pickle", queue="sealed").id)
    found = find_arguments(task, Sources(broker=fleet.broker))
    assert (found.args, found.is_known, found.source) == (None, True, "message that waits in queue sealed")
    assert "not opened" in found.reason


@pytest.mark.fleet
def test_two_operators_do_not_send_two_copies(fleet: TunedFleet) -> None:
    lock, other = OperatorLock(fleet.broker), OperatorLock(fleet.broker)
    task = Ended("failed-1", "steps.add", "FAILURE", "steps", Arguments([7], {}, "extended result"))
    copied = Copier(fleet.app, lock).copy(task)
    assert fleet.waiting() == [copied.new_id]
    with pytest.raises(RefusedError, match=rf"sent copy {copied.new_id[:8]} at .*: look at that one first"):
        Copier(fleet.app, other).copy(task)
    assert fleet.waiting() == [copied.new_id]
    fleet.start_worker()
    eventually(lambda: fleet.steps_run() == ["add 7 0"], "the copy to run")


@pytest.mark.fleet
def test_a_lock_names_its_owner_and_is_given_back_by_nobody_else(fleet: TunedFleet) -> None:
    lock = OperatorLock(fleet.broker)
    mine = lock.take("retry:x")
    assert isinstance(mine, Held)
    taken = lock.take("retry:x")
    assert isinstance(taken, Holder)
    assert taken.who
    lock.release(Held(mine.key, json.dumps({"token": "another"})))
    assert isinstance(lock.take("retry:x"), Holder)
    lock.release(mine)
    assert isinstance(lock.take("retry:x"), Held)


@pytest.mark.fleet
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "SUCCESS"}, "only a task that failed"),
        ({"state": ""}, "state is not known"),
        ({"queue": None}, "queue is not known"),
        ({"name": ""}, "name is not known"),
        ({"arguments": Arguments(None, None, "", "they are cut")}, "they are cut"),
        ({"arguments": Arguments([1], {}, "w1 (active)", is_live=True)}, "on its way again"),
    ],
)
def test_what_is_not_known_for_certain_is_not_sent(
    fleet: TunedFleet, change: dict[str, Any], reason: str
) -> None:
    task = Ended("failed-1", "steps.add", "FAILURE", "steps", Arguments([7], {}, "extended result"))
    copier = Copier(fleet.app, OperatorLock(fleet.broker))
    with pytest.raises(RefusedError, match=reason):
        copier.copy(replace(task, **change))
    assert fleet.waiting() == []


@pytest.mark.fleet
def test_results_in_postgres_are_read_without_unpickling(database_url: str) -> None:
    app = Celery("results", backend=f"db+{database_url}", set_as_current=False)
    backend: Any = app.backend
    backend.store_result("t-1", {"a": 1}, "SUCCESS")
    backend.store_result("t-2", ValueError("no luck"), "FAILURE", traceback="Traceback: no luck")
    found, failed = read_result(app, "t-1"), read_result(app, "t-2")
    assert found is not None
    assert failed is not None
    assert (found.status, found.result) == ("SUCCESS", None)
    assert (failed.status, failed.traceback) == ("FAILURE", "Traceback: no luck")
    assert read_result(app, "t-3") is None
    backend.ResultSession().get_bind().dispose()
