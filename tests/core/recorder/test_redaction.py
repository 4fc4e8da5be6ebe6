"""Arguments that are to be hidden stay hidden everywhere, and can still be replayed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from earthgazer_core.db.session import Database
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.executions import show_execution
from earthgazer_core.operations.retry import Retrier
from tests.core.recorder.fleet import ForeignFleet, eventually, foreign_fleet, recorder_of

pytestmark = pytest.mark.fleet

SECRET = "correct-horse-battery"


def everything(database: Database) -> str:
    with database.session() as session:
        tables = (
            "task_executions",
            "task_state_changes",
            "task_messages",
            "workflow_steps",
            "operator_actions",
        )
        return "\n".join(
            str(row)
            for table in tables
            for row in session.execute(text(f"select t::text from earthgazer.{table} t"))  # noqa: S608
        )


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("ann",), {"password": SECRET}),
        (("ann", SECRET), {}),
        (("ann", "x"), {"options": {"nested": [{"api_key": SECRET}]}}),
    ],
    ids=["named", "positional", "nested"],
)
def test_a_secret_is_kept_nowhere_and_replayed_all_the_same(
    fleet: ForeignFleet, args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    fleet.start_worker()
    task = fleet.app.tasks["steps.login"].apply_async(args, kwargs)
    row = fleet.until(task.id, "FAILURE")
    assert row["is_redacted"]
    # Celery's texts of arguments end three levels down.
    assert any(mark in row["args_repr"] + row["kwargs_repr"] for mark in ("***", "{...}"))
    assert "PermissionError" in row["traceback"]
    assert SECRET not in everything(fleet.database)
    with fleet.database.session() as session:
        detail = show_execution(session, task.id)
    assert detail.args_source == "recorded text (values hidden)"
    assert "INFO login of ann with" in (detail.log or "")
    assert "***" in (detail.log or "")
    fleet.raise_flag("login")
    Retrier(fleet.database, fleet.app, encryption_key=fleet.config.encryption_key).retry(task.id)
    row = fleet.until(task.id, "SUCCESS")
    assert row["result"].startswith("welcome ann with ")
    assert SECRET not in everything(fleet.database)


def test_a_text_that_the_author_set_is_all_that_is_shown(fleet: ForeignFleet) -> None:
    hidden: Any = {"argsrepr": "(a number)"}
    task = fleet.app.tasks["steps.add"].apply_async((987654321,), **hidden)
    row = eventually(lambda: fleet.row(task.id), "record")
    assert (row["args_repr"], row["is_redacted"]) == ("(a number)", True)
    assert "987654321" not in everything(fleet.database)


def test_a_later_step_with_a_secret_seals_the_first(fleet: ForeignFleet) -> None:
    first: Any = fleet.app.tasks["steps.add"].s(1) | fleet.app.tasks["steps.login"].si("ann", password=SECRET)
    result: Any = first.apply_async()
    row = eventually(lambda: fleet.row(result.parent.id), "record")
    assert not row["is_redacted"]
    assert SECRET not in everything(fleet.database)
    [message] = fleet.rows("select is_sealed from earthgazer.task_messages")
    assert message["is_sealed"]


def test_without_a_key_nothing_is_stored_and_the_refusal_says_so(fleet: ForeignFleet) -> None:
    with foreign_fleet(replace(fleet.config, encryption_key=None), fleet.database) as keyless:
        recorder_of(fleet.app).close()
        keyless.start_worker()
        task = keyless.app.tasks["steps.login"].delay("ann", password=SECRET)
        keyless.until(task.id, "FAILURE")
        with pytest.raises(RefusedError, match="ENCRYPTION_KEY"):
            Retrier(keyless.database, keyless.app).retry(task.id)
        assert SECRET not in everything(keyless.database)
