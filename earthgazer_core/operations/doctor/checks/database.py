"""The database: answers, quickly, and has the tables of this version."""

from __future__ import annotations

from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, span
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations


def _reachable(seen: Observations) -> Iterator[Finding]:
    if seen.database_problem:
        yield finding(
            REACHABLE.id, Severity.CRITICAL, "database", seen.database_problem,
            "start Postgres, or correct EARTHGAZER__DATABASE__URL",
        )  # fmt: skip


def _slow(seen: Observations) -> Iterator[Finding]:
    if seen.database is not None and seen.database.elapsed_s > seen.thresholds.slow_database_s:
        yield finding(
            SLOW.id, Severity.WARNING, "database",
            f"the simplest query took {span(seen.database.elapsed_s)}",
            "psql -c 'SELECT pid, state, wait_event, query FROM pg_stat_activity'",
        )  # fmt: skip


def _behind(seen: Observations) -> Iterator[Finding]:
    database = seen.database
    if database is None or database.revision == database.head:
        return
    if database.is_newer:
        yield finding(
            BEHIND.id, Severity.WARNING, "database",
            f"its schema {database.revision} is newer than this EarthGazer, which knows {database.head}:"
            " it is not looked into any further",
            "install the version of EarthGazer that the database was upgraded by",
        )  # fmt: skip
    else:
        yield finding(
            BEHIND.id, Severity.CRITICAL, "database",
            f"its schema is at {database.revision or 'nothing'}, this version needs {database.head}",
            "earthgazer db upgrade",
        )  # fmt: skip


REACHABLE = Check("database-unreachable", "Does the database answer?", _reachable)
SLOW = Check("database-slow", "Does the database answer quickly?", _slow)
BEHIND = Check("database-behind", "Has the database the tables of this version?", _behind)
