"""The filter line of lists of runs: the language of lists of tasks, with the fields of a run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from earthgazer_core.operations.filter import Filter, matcher, parse
from earthgazer_core.operations.filter.fields import Field, Kind
from earthgazer_core.operations.run_summary import RunSummary

RUN_FIELDS: Final[dict[str, Field]] = {
    "text": Field(Kind.TEXT, ("run_id", "name", "state", "subject"), "in id, name, state or subject"),
    "state": Field(Kind.TEXT, ("state",), "running, waiting, succeeded, failed or cancelled"),
    "name": Field(Kind.TEXT, ("name",), "name of the workflow"),
    "id": Field(Kind.TEXT, ("run_id",), "id of the run"),
    "capture": Field(Kind.INTEGER, ("captures",), "number of a capture that it works on"),
    "runtime": Field(Kind.SPAN, (), "time that it took, or has taken so far: >30, <2m, 10..60"),
    "steps": Field(Kind.INTEGER, ("total",), "steps known"),
    "failures": Field(Kind.INTEGER, ("failed",), "steps that failed"),
    "since": Field(Kind.MOMENT, (), "made in the last 2h, or since 2026-11-01"),
    "before": Field(Kind.MOMENT, (), "made more than 2h ago, or before 2026-11-01"),
}
"""Every field by its name."""


def read_run_filter(line: str) -> Filter:
    """Return what a filter line says of runs.

    Raises:
        FilterError: it says nothing that could be understood; knows the place.
    """
    return parse(line, RUN_FIELDS)


def run_matcher(filter_: Filter, now: datetime) -> Callable[[RunSummary], bool]:
    """Return a function that says whether a run matches."""
    matches = matcher(filter_, now, RUN_FIELDS)
    return lambda run: matches(
        {
            "run_id": run.run_id, "name": run.name, "state": run.state, "subject": run.subject,
            "captures": run.captures, "total": run.total, "failed": run.failed,
            "started_at": run.created_at, "finished_at": run.finished_at, "updated_at": run.created_at,
        }
    )  # fmt: skip
