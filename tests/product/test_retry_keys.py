"""Retry from the keyboard on a fleet of others with a flight recorder; runs are counted beside Celery."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from celery import chain, chord, group

from earthgazer_core import recorder
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.core.operations.chord_fleet import ChordFleet, chord_fleet
from tests.core.recorder.fleet import eventually
from tests.product.conftest import Product
from tests.product.terminal import Terminal

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(240)]

LEFT, CTRL_S = "\x1b[D", "\x13"


@pytest.fixture
def fleet(
    valkey: ValkeyServer, postgres: PostgresServer, _migrated_template: str, tmp_path: Path
) -> Iterator[ChordFleet]:
    with chord_fleet(valkey, postgres, _migrated_template, tmp_path) as fleet:
        fleet.start_worker(options=("--queues", "steps", "-E"))
        yield fleet


def look(product: Product, fleet: ChordFleet, *options: str, columns: int = 80, lines: int = 24) -> Terminal:
    config = fleet.config
    console = product.console(
        "--broker",
        config.broker_url,
        "--database",
        config.database_url,
        *options,
        columns=columns,
        lines=lines,
    )
    console.wait_for("Overview", "configured")
    return console


def filtered(console: Terminal, text: str, *words: str) -> None:
    """Let the screen show what matches."""
    console.press("/", *text, "enter")
    console.wait_for(*words)


def fail(fleet: ChordFleet, value: int, flag: str) -> str:
    """Return the id of a task that has failed."""
    task_id = str(fleet.app.tasks["steps.needs"].delay(value, flag=flag).id)
    fleet.until(task_id, "FAILURE")
    return task_id


def test_a_chain_a_chord_a_rate_and_other_arguments(product: Product, fleet: ChordFleet) -> None:
    tasks = fleet.app.tasks
    last: Any = chain(tasks["steps.needs"].s(1, flag="chain"), tasks["steps.add"].s(10)).apply_async()
    fleet.until(last.parent.id, "FAILURE")
    console = look(product, fleet)
    console.press("5")
    console.wait_for("needs", "LookupError", "no chain yet")
    console.press("enter")
    console.wait_for("R retries in place", "next", "add", "to come")
    console.press("escape")
    console.wait_for("When (UTC)")

    # A chain goes on, and a second press of either key changes nothing.
    fleet.raise_flag("chain")
    console.press("R", "R")
    console.wait_for("Retry 1 task?", "in place", "steps")
    console.press("y", "y")
    assert fleet.until(last.id, "SUCCESS")["result"] == 11
    console.wait_for("Nothing has failed")
    assert (fleet.journal()["needs 1"], fleet.journal()["add 1 10"]) == (2, 1)

    # A chord's body runs once, with what its other member gave long ago.
    chord([fleet.sig("give", "m", "header"), fleet.sig("give", 3)])(fleet.sig("collect", "keys"))
    fleet.until_failed("give", "m")
    fleet.raise_flag("header")
    console.wait_for("give", "no header yet")
    console.press("R")
    console.wait_for("Retry 1 task?", "in place")
    console.press("y")
    assert fleet.until_given("keys") == [["m", 3]]
    fleet.settles("keys", ["m"])

    # Three at a rate, by their kind.
    ids = [fail(fleet, number, "rate") for number in (21, 22, 23)]
    fleet.raise_flag("rate")
    console.wait_for("no rate yet")
    console.press("tab")
    console.wait_for("Count", "3", "foreign_app.py:needs")
    console.press("R")
    console.wait_for("Retry 3 tasks?")
    console.press(*"5/x4y")
    console.wait_for("a rate is expected")
    console.press("\x7f")
    eventually(lambda: "5/4" not in console.text(), "a shorter rate")
    console.press("s", "y")
    console.wait_for("3 of 3 retried")
    for task_id in ids:
        assert fleet.until(task_id, "SUCCESS")["attempt"] == 2
    sent = sorted(fleet.row(task_id)["sent_at"] for task_id in ids)  # type: ignore[index]
    assert all((after - before).total_seconds() > 0.15 for before, after in pairwise(sent))
    [action] = fleet.rows("select detail from earthgazer.operator_actions where action = 'tasks.retry'")
    assert (action["detail"]["rate"], action["detail"]["retried"]) == ("5/s", 3)
    console.press("q")
    eventually(lambda: "Retry of" not in console.text(), "the end of the dialog")
    console.press("tab", "tab")

    # Other arguments: wrong ones are told with their place, the difference comes first.
    wrong = fail(fleet, 31, "zz")
    fleet.raise_flag("zzy")
    console.wait_for("no zz yet")
    console.press("A")
    console.wait_for('"flag": "zz"', "recorded message", "ctrl+s")
    # Keys that move are handled behind those that type: what the last one says, all before it have done.
    console.press("down", "down", "down", "down", "down", "end", CTRL_S)
    console.wait_for("nothing changed")
    console.press("x")
    console.wait_for("line 6, column")
    console.press("\x7f", LEFT, CTRL_S)
    console.wait_for("nothing changed")
    console.press("y")
    console.wait_for("✓ JSON")
    console.press(CTRL_S)
    console.wait_for('-    "flag": "zz"', '+    "flag": "zzy"', "Send a copy")
    console.press("y")
    copied = eventually(
        lambda: fleet.rows("select * from earthgazer.task_executions where copy_of = :id", id=wrong), "a copy"
    )
    assert fleet.until(copied[0]["task_id"], "SUCCESS")["result"] == 31
    assert fleet.row(wrong)["state"] == "FAILURE"  # type: ignore[index]
    console.press("q")
    assert console.wait_exit() == 0


def test_a_run_is_resumed(product: Product, fleet: ChordFleet) -> None:
    tasks = fleet.app.tasks
    with recorder.run_scope("keyed") as run_id:
        needs = tasks["steps.needs"]
        body: Any = chord([needs.s(41, flag="run"), tasks["steps.add"].s(2), needs.s(43, flag="run")])(
            tasks["steps.total"].s()
        )
    failed = (
        "select 1 from earthgazer.task_executions"
        " where run_id = :id and state = 'FAILURE' and blocked_by is null"
    )
    eventually(lambda: len(fleet.rows(failed, id=run_id)) == 2, "two failures")
    console = look(product, fleet, columns=160, lines=50)
    console.press("4")
    console.wait_for("keyed", "failed")
    fleet.raise_flag("run")
    console.press("R")
    console.wait_for("Resume keyed?", "2 sent", "in place", "needs")
    console.press("y")
    assert fleet.until(body.id, "SUCCESS")["result"] == 86
    console.wait_for("succeeded")
    assert [fleet.journal()[line] for line in ("needs 41", "needs 43", "add 2 0", "total 86")] == [2, 2, 1, 1]
    console.press("R")
    console.wait_for("nothing of it is left")
    console.press("q")
    assert console.wait_exit() == 0


def test_a_retry_of_many_is_stopped_and_goes_on_where_it_was(product: Product, fleet: ChordFleet) -> None:
    group(fleet.app.tasks["steps.needs"].s(number, flag="many") for number in range(100, 130)).apply_async()
    failed = (
        "select task_id from earthgazer.task_executions where state = 'FAILURE' and kwargs_repr like '%many%'"
    )
    eventually(lambda: len(fleet.rows(failed)) == 30, "30 failures")
    fleet.raise_flag("many")
    console = look(product, fleet)
    console.press("5")
    filtered(console, "many", "no many yet")
    console.press("ctrl+a", "R")
    console.wait_for("Retry 30 tasks?")
    console.press(*"4/s", "enter")
    console.wait_for("Retry of 30 tasks", "sent", "Stop")
    console.press("escape")
    console.wait_for("Retrying at 4/s", "b shows")
    console.press("b")
    console.wait_for("Retry of 30 tasks")
    console.press("x")
    console.wait_for("left: stopped")
    left = len(fleet.rows(failed))
    assert 0 < left < 30
    console.press("escape")
    eventually(lambda: "stopped" not in console.text(), "the end of the dialog")
    console.press("R")
    console.wait_for(f"Retry {left} tasks?")
    console.press("y")
    console.wait_for(f"{left} of {left} retried")
    eventually(lambda: not fleet.rows(failed), "the others")
    fleet.until_quiet()
    assert [fleet.journal()[f"needs {number}"] for number in range(100, 130)] == [2] * 30
    console.press("q")
    eventually(lambda: "Retry of" not in console.text(), "the end of the dialog")
    console.press("q")
    assert console.wait_exit() == 0


def test_a_read_only_console_has_no_key_that_sends(product: Product, fleet: ChordFleet) -> None:
    task_id = fail(fleet, 51, "never")
    console = look(product, fleet, "--read-only")
    console.press("5")
    console.wait_for("no never yet", "READ-ONLY")
    assert "Retry" not in console.text()
    console.press("R", "A", "D", "enter")
    console.wait_for("Traceback")
    console.press("R", "A", "escape")
    console.wait_for("When (UTC)")
    console.press("4", "R", "5")
    console.wait_for("no never yet")
    row = fleet.row(task_id)
    assert row is not None
    assert (row["state"], row["attempt"]) == ("FAILURE", 1)
    console.press("q")
    assert console.wait_exit() == 0
