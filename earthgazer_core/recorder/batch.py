"""Records that wait to be written, at most one of each row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Record = tuple[str, Row]
"""Name of a table and a row of it."""

FIXED = (
    "name", "exchange", "routing_key", "queue", "priority", "parent_id", "root_id", "group_id", "group_index",
    "run_id", "args_repr", "kwargs_repr", "is_redacted", "capture_id", "copy_of",
)  # fmt: skip
"""Columns of an execution that are the same in each of its states."""
ERROR = ("error_type", "error_message", "traceback")
"""Columns that tell of the last failure."""
PASSING = (
    "retries", "attempt", "worker", "pid", "sent_at", "received_at", "started_at", "finished_at", "runtime_s",
    "eta", "expires", "result", "percent", "stage", "blocked_by",
)  # fmt: skip
"""Columns that begin anew with each attempt."""


@dataclass(slots=True)
class Batch:
    """Rows by table; rows of the same key are merged as the database would merge them."""

    runs: dict[str, Row] = field(default_factory=dict)
    steps: dict[tuple[str, str], Row] = field(default_factory=dict)
    messages: dict[str, Row] = field(default_factory=dict)
    changes: list[Row] = field(default_factory=list)
    executions: dict[str, Row] = field(default_factory=dict)
    chords: dict[str, Row] = field(default_factory=dict)
    parts: dict[tuple[str, str, str], Row] = field(default_factory=dict)

    def __len__(self) -> int:
        keyed = (self.runs, self.steps, self.messages, self.executions, self.chords, self.parts)
        return len(self.changes) + sum(len(table) for table in keyed)

    def add(self, table: str, row: Row) -> None:
        """Add a row to the table of that name: any field of this class."""
        match table:
            case "executions":
                known = self.executions.get(row["task_id"])
                self.executions[row["task_id"]] = row if known is None else _merged(known, row)
            case "changes":
                self.changes.append(row)
            case "messages":
                known = self.messages.get(row["task_id"])
                if known is None or row["published_at"] >= known["published_at"]:
                    self.messages[row["task_id"]] = row
            case "steps":
                self._add_step(row)
            case "runs":
                known = self.runs.get(row["run_id"])
                if known is None or row["is_named"]:
                    self.runs[row["run_id"]] = row
            case "chords":
                chord = self.chords.get(row["group_id"], {})
                told = {name: value for name, value in row.items() if value is not None}
                self.chords[row["group_id"]] = {**row, **chord, **told}
            case "parts":
                self.parts[row["group_id"], row["task_id"], row["place"]] = row
            case _:
                raise ValueError(f"no such table: {table}")

    def rows(self) -> list[Record]:
        """Return all rows with the names of their tables, in an order that can be added again."""
        return [
            *(("runs", row) for row in self.runs.values()),
            *(("steps", row) for row in self.steps.values()),
            *(("messages", row) for row in self.messages.values()),
            *(("changes", row) for row in self.changes),
            *(("executions", row) for row in self.executions.values()),
            *(("chords", row) for row in self.chords.values()),
            *(("parts", row) for row in self.parts.values()),
        ]

    def _add_step(self, row: Row) -> None:
        key = (row["run_id"], row["task_id"])
        known = self.steps.get(key)
        if known is None:
            self.steps[key] = row
            return
        after = list(dict.fromkeys([*known["after"], *row["after"]]))
        sizes = [size for size in (known["chord_size"], row["chord_size"]) if size is not None]
        self.steps[key] = {
            **row,
            **{name: value for name, value in known.items() if value is not None},
            "after": after,
            "chord_size": len(after) if sizes else None,
            "ordinal": min(known["ordinal"], row["ordinal"]),
        }


def batch_of(records: Iterable[Record]) -> Batch:
    """Return a batch of these records."""
    batch = Batch()
    for table, row in records:
        batch.add(table, row)
    return batch


def _merged(one: Row, other: Row) -> Row:
    is_in_order = (one["state_order"], one["updated_at"]) <= (other["state_order"], other["updated_at"])
    older, newer = (one, other) if is_in_order else (other, one)
    news = {name: value for name, value in newer.items() if value is not None}
    if older["state_order"] // 10 == newer["state_order"] // 10:
        merged = (
            {**older, **dict.fromkeys(ERROR), **news} if newer["state"] == "SUCCESS" else {**older, **news}
        )
    else:
        carried = (*FIXED, *ERROR) if newer["state"] == "RETRY" else FIXED
        merged = {name: older[name] for name in carried if older.get(name) is not None} | news
    if newer["name"].startswith("celery."):
        merged["name"] = older["name"]
    return merged
