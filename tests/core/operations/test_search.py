from __future__ import annotations

from datetime import timedelta

import pytest

from earthgazer_core.db.session import Database
from earthgazer_core.operations.filter import parse
from earthgazer_core.operations.search import search_executions
from tests.tui.fleet import rows


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", ["newest", "failed", "slow"]),
        ("state:failed", ["failed"]),
        ("runtime:>30", ["slow"]),
        ("-state:success boom", ["failed"]),
        ("since:90m -name:download*", ["newest"]),
        ("nothing-like-it", []),
    ],
)
def test_a_filter_line_finds_recorded_tasks_newest_change_first(
    database: Database, line: str, found: list[str]
) -> None:
    with database.session() as session:
        rows.execution(session, "slow", runtime_s=95.0, updated_at=rows.NOW - timedelta(hours=3))
        rows.execution(
            session, "failed", state="FAILURE", error_message="boom", name="download.bands",
            updated_at=rows.NOW - timedelta(hours=1),
        )  # fmt: skip
        rows.execution(session, "newest")
    with database.session() as session:
        tasks = search_executions(session, parse(line), now=rows.NOW)
    assert [task.task_id for task in tasks] == found


def test_no_more_are_found_than_asked_for(database: Database) -> None:
    with database.session() as session:
        for k in range(5):
            rows.execution(session, f"t-{k}", updated_at=rows.NOW + timedelta(seconds=k))
        assert [task.task_id for task in search_executions(session, parse(""), limit=2)] == ["t-4", "t-3"]
