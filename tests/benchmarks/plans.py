"""What the database did for a query: its statements, and the plans of those that read large tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

LARGE = frozenset(
    {"task_executions", "task_messages", "task_state_changes", "workflow_runs", "workflow_steps"}
)
"""Tables that grow with the history; the others are read as the planner likes."""


@dataclass
class Looked:
    """The statements of one look."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    """Text and parameters."""


@contextmanager
def statements_of(engine: Engine) -> Iterator[Looked]:
    """Collect the statements that are run within the block."""
    looked = Looked()

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().lower().startswith(("select", "with")):
            looked.statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield looked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def explain(engine: Engine, looked: Looked) -> tuple[list[str], list[str], float]:
    """Return (indexes that served, large tables read whole, milliseconds of the server) of statements."""
    took_ms = 0.0
    indexes: list[str] = []
    scanned: list[str] = []
    with engine.connect() as connection:
        for statement, parameters in looked.statements:
            found = connection.exec_driver_sql(f"explain (analyze, format json) {statement}", parameters)
            told = found.scalar_one()[0]
            took_ms += told["Execution Time"]
            for node in _nodes(told["Plan"]):
                if "Index Name" in node:
                    indexes.append(node["Index Name"])
                elif node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE:
                    scanned.append(node["Relation Name"])
    return list(dict.fromkeys(indexes)), list(dict.fromkeys(scanned)), took_ms


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not plan.get("Actual Loops", 1):
        return
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
