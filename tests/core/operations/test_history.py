from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import literal, select, text

from earthgazer_core.cli.main import cli
from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.errors import InvalidInputError, RefusedError
from earthgazer_core.operations import audit, exact_times, history
from earthgazer_core.operations.actions import list_actions
from earthgazer_core.operations.history import Ended, Group, GroupBy, History, read_history
from earthgazer_core.operations.rounded_times import count_rounded
from tests.tui.fleet import rows

HOUR = timedelta(hours=1)


def fill(database: Database) -> None:
    """Write 100 executions of one task, and some of others, within the last hour."""
    with database.session() as session:
        for k in range(100):
            end = rows.NOW - timedelta(minutes=30)
            rows.execution(
                session, f"a-{k}", name="app.a", queue="io", state="FAILURE" if k < 5 else "SUCCESS",
                sent_at=end - timedelta(seconds=20), started_at=end - timedelta(seconds=k / 10),
                finished_at=end, updated_at=end, runtime_s=None if k % 2 else k / 10,
            )  # fmt: skip
        end = rows.NOW - timedelta(minutes=5)
        rows.execution(session, "b", name="app.b", state="REVOKED", finished_at=end, updated_at=end)
        rows.execution(session, "late", name="app.a", finished_at=rows.NOW - 2 * HOUR, updated_at=end)
        rows.execution(
            session, "body", name="app.body", state="FAILURE", blocked_by="a-1", finished_at=end,
            updated_at=end,
        )  # fmt: skip
        rows.execution(session, "running", name="app.a", state="STARTED", started_at=end)
        rows.execution(
            session, "eta", name="app.eta", queue="io", sent_at=end - HOUR, eta=end - timedelta(seconds=9),
            started_at=end - timedelta(seconds=2), finished_at=end, updated_at=end,
        )  # fmt: skip


def test_counts_failures_and_times_by_task(database: Database) -> None:
    fill(database)
    with database.session() as session:
        found = read_history(session, rows.NOW - HOUR, rows.NOW)
    assert [(one.name, one.count, one.failed, one.revoked) for one in found.groups] == [
        ("app.a", 100, 5, 0), ("app.b", 1, 0, 1), ("app.eta", 1, 0, 0),
    ]  # fmt: skip
    assert (found.total.name, found.total.count, found.total.failed) == (None, 102, 5)
    a, b, eta = found.groups
    # Linear between the values next to each share: 0.0, 0.1 … 9.9.
    assert (a.run.p50, a.run.p95, a.run.p99) == pytest.approx((4.95, 9.405, 9.801))
    assert (a.wait.p50, a.wait.p99) == pytest.approx((15.05, 19.901))
    assert a.failed_percent == 5.0
    assert (b.run.p50, b.wait.p50) == (None, None)
    assert (eta.run.p50, eta.wait.p50) == pytest.approx((2.0, 7.0))


@pytest.mark.parametrize("with_slot_times", [False, True])
def test_of_very_many_the_counts_are_exact_and_the_times_right_to_a_hundredth(
    database: Database, monkeypatch: pytest.MonkeyPatch, with_slot_times: bool
) -> None:
    fill(database)
    span = (rows.NOW - 3 * HOUR, rows.NOW)
    with database.session() as session:
        exact = read_history(session, *span, with_slot_times=with_slot_times)
        monkeypatch.setattr(history, "EXACT_UP_TO", 0)
        rounded = read_history(session, *span, with_slot_times=with_slot_times)
    assert (exact.is_rounded, rounded.is_rounded) == (False, True)
    assert _counts(rounded) == _counts(exact)
    for found, wanted in zip(_times(rounded), _times(exact), strict=True):
        assert (found is None) == (wanted is None)
        # Between two of a hundred, which are 0.1 s apart, the exact one is drawn straight.
        assert found is None or found == pytest.approx(wanted, rel=0.01, abs=0.1)


def _counts(found: History) -> list[list[tuple[object, ...]]]:
    return [
        [
            (group.name, group.count, group.failed, group.revoked),
            *((slot.at, slot.count, slot.failed) for slot in group.ended),
        ]
        for group in (found.total, *found.groups)
    ]


def _times(found: History) -> Iterator[float | None]:
    groups = (found.total, *found.groups)
    measured: list[Group | Ended] = [*groups, *(slot for group in groups for slot in group.ended)]
    for one in measured:
        for took in (one.run, one.wait):
            yield from (took.p50, took.p95, took.p99)


@pytest.mark.parametrize("seconds", [0.0, 1e-7, 0.004, 1.0, 59.9, 86_400.0])
def test_a_rounded_time_is_within_a_hundredth(database: Database, seconds: float) -> None:
    with database.session() as session:
        end = rows.NOW - timedelta(minutes=1)
        for k in range(3):
            rows.execution(session, f"t-{k}", finished_at=end, updated_at=end, runtime_s=seconds)
        session.flush()
        [one] = [
            one
            for one in count_rounded(
                session,
                select(
                    TaskExecutionRow.name, literal(0).label("slot"), TaskExecutionRow.state,
                    TaskExecutionRow.runtime_s.label("ran"), TaskExecutionRow.runtime_s.label("waited"),
                ).subquery(),
                with_slot_times=False,
            )
            if one.is_total and one.slot is None
        ]  # fmt: skip
    assert [one.run.p50, one.wait.p99] == pytest.approx([seconds, seconds], rel=0.006, abs=1e-6)


def test_throughput_has_a_slot_for_each_while(database: Database) -> None:
    fill(database)
    with database.session() as session:
        found = read_history(session, rows.NOW - HOUR, rows.NOW, with_slot_times=True)
        without = read_history(session, rows.NOW - HOUR, rows.NOW)
    assert found.groups[0].run == without.groups[0].run
    assert {slot.run.p50 for slot in without.total.ended} == {None}
    assert found.slot_s == 60
    assert [(slot.at, slot.count, slot.failed) for slot in found.groups[0].ended if slot.count] == [
        (rows.NOW - timedelta(minutes=30), 100, 5)
    ]
    slot = next(slot for slot in found.groups[0].ended if slot.count)
    assert (slot.failed_percent, slot.run.p50, slot.run.p99) == pytest.approx((5.0, 4.95, 9.801))
    assert slot.wait.p95 == pytest.approx(19.505)
    both = next(slot for slot in found.total.ended if slot.count == 2)
    assert (both.run.p50, both.wait.p50) == pytest.approx((2.0, 7.0))
    empty = found.total.ended[0]
    assert (empty.failed_percent, empty.run.p50, empty.wait.p99) == (None, None, None)
    assert len(found.total.ended) == 61
    assert sum(slot.count for slot in found.total.ended) == 102


@pytest.mark.parametrize("days", [1, 7, 30, 4000])
def test_any_span_has_a_bounded_number_of_slots(database: Database, days: int) -> None:
    with database.session() as session:
        found = read_history(session, rows.NOW - timedelta(days=days), rows.NOW)
    assert found.groups == ()
    assert (found.total.count, found.total.failed_percent, found.total.run.p50) == (0, None, None)
    assert 24 <= len(found.total.ended) <= 2 + max(history.MOST_SLOTS, days / 28)


def test_queues_are_counted_the_unknown_one_too(database: Database) -> None:
    fill(database)
    with database.session() as session:
        found = read_history(session, rows.NOW - HOUR, rows.NOW, by=GroupBy.QUEUE)
    assert [(one.name, one.is_total, one.count) for one in found.groups] == [
        ("io", False, 101),
        (None, False, 1),
    ]
    assert sum(slot.count for slot in found.groups[1].ended) == 1


def test_an_empty_span_and_one_that_takes_too_long_are_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.session() as session, pytest.raises(InvalidInputError, match="begin before it ends"):
        read_history(session, rows.NOW, rows.NOW)
    fill(database)
    monkeypatch.setattr(history, "STATEMENT_TIMEOUT_S", 0.001)
    monkeypatch.setattr(exact_times, "_groups", lambda _: text("SELECT pg_sleep(5)"))
    with pytest.raises(RefusedError, match="a shorter span"), database.session() as session:
        read_history(session, rows.NOW - HOUR, rows.NOW)


def test_the_audit_is_told_newest_first_and_searched(database: Database) -> None:
    audit.record(database, "task.retry", {"task_ids": ["t-1"]}, "done", {"attempt": 2})
    audit.record(database, "queue.purge", {"queue": "Steps"}, "refused", {"reason": "paused"})
    with database.session() as session:
        newest, oldest = list_actions(session)
        assert (newest.action, newest.outcome, newest.target) == (
            "queue.purge",
            "refused",
            {"queue": "Steps"},
        )
        assert (oldest.who, oldest.origin) == audit.who()
        assert [one.action for one in list_actions(session, words="steps REFUSED")] == ["queue.purge"]
        assert [one.action for one in list_actions(session, words="t-1")] == ["task.retry"]
        assert list_actions(session, since=newest.at + timedelta(seconds=1)) == ()
        assert list_actions(session, limit=1) == (newest,)


def test_the_command_line_tells_history_and_actions(
    database: Database, migrated_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARTHGAZER__DATABASE__URL", migrated_database_url)
    fill(database)
    audit.record(database, "task.retry", {"task_ids": ["t-\x1b[2J"]}, "done")

    def answer(*words: str) -> Result:
        return CliRunner().invoke(cli, ["history", *words])

    since = (rows.NOW - HOUR).isoformat()
    told = json.loads(answer("--since", since, "--json").stdout)
    assert next((group["name"], group["count"]) for group in told["groups"]) == ("app.a", 100)
    assert "app.eta" in answer("--since", since).output
    assert "(unknown)" in answer("--since", since, "--by", "queue").output
    assert [one["action"] for one in json.loads(answer("--actions", "--json").stdout)] == ["task.retry"]
    assert "\x1b" not in answer("--actions").output
    assert answer("--since", "nope").exit_code == 2
