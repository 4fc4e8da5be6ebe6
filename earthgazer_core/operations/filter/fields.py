"""The fields that a filter line can name, and what each takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a field's values are."""

    TEXT = "text"
    STATE = "state"
    INTEGER = "whole number"
    SPAN = "time span"
    MOMENT = "time"


@dataclass(frozen=True, slots=True)
class Field:
    """A name that can stand before a colon."""

    kind: Kind
    """What it takes."""
    columns: tuple[str, ...]
    """Attributes of a task that it looks at; computed fields have none."""
    help: str
    """One line for people."""


_SEARCHED = (
    "task_id", "name", "queue", "worker", "error_type", "error_message", "args_repr", "kwargs_repr",
)  # fmt: skip

FIELDS: dict[str, Field] = {
    "text": Field(Kind.TEXT, _SEARCHED, "anywhere in id, name, queue, worker, error or arguments"),
    "state": Field(Kind.STATE, ("state",), "failure, started, … or failed, running, waiting"),
    "name": Field(Kind.TEXT, ("name",), "task name"),
    "queue": Field(Kind.TEXT, ("queue",), "queue name"),
    "worker": Field(Kind.TEXT, ("worker",), "node name of the worker"),
    "error": Field(Kind.TEXT, ("error_type", "error_message"), "exception class or message"),
    "id": Field(Kind.TEXT, ("task_id",), "task id"),
    "run": Field(Kind.TEXT, ("run_id",), "id of the workflow run"),
    "capture": Field(Kind.INTEGER, ("capture_id",), "number of the capture"),
    "runtime": Field(Kind.SPAN, (), "time that it ran, or has run so far: >30, <2m, 10..60"),
    "wait": Field(Kind.SPAN, (), "time from publishing to its start, or so far"),
    "retries": Field(Kind.INTEGER, ("retries",), "automatic retries"),
    "attempt": Field(Kind.INTEGER, ("attempt",), "1, and one more for each retry by an operator"),
    "since": Field(Kind.MOMENT, (), "changed in the last 2h, or since 2026-11-01"),
    "before": Field(Kind.MOMENT, (), "last changed more than 2h ago, or before 2026-11-01"),
}
"""Every field by its name."""

ALIASES = {"task": "name", "task_id": "id", "run_id": "run", "capture_id": "capture", "after": "since"}
"""Other names of the same fields."""

STATES = {
    "FAILED": ("FAILURE",),
    "SUCCEEDED": ("SUCCESS",),
    "RUNNING": ("STARTED", "PROGRESS"),
    "WAITING": ("PENDING", "RECEIVED"),
    "RETRYING": ("RETRY",),
}
"""Words for states that are no state's name."""
