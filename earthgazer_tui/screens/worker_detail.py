"""One worker: all that it says of itself, each part as it comes, and every lever on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.worker_command import Target
from earthgazer_tui.commands.workers import NextFacts, PreviousFacts
from earthgazer_tui.fleet.models import FactKind, FactRow, Snapshot, Worker, WorkerFact
from earthgazer_tui.key_hints import with_keys
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.workers import LEVERS
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.worker_cells import state_cell, worker_lines


@dataclass(frozen=True, slots=True)
class Tab:
    """Some of what a worker says, shown together."""

    title: str
    """Its name."""
    kinds: tuple[FactKind, ...]
    """Questions, in the order to show their answers."""
    every_s: float
    """Seconds between two questions while it is in front."""
    nothing: str
    """What to say where there is nothing."""


TABS = (
    Tab("State", (FactKind.STATS, FactKind.CLOCK), 1.0, "It told nothing of itself."),
    Tab("Tasks", (FactKind.ACTIVE, FactKind.RESERVED, FactKind.SCHEDULED), 1.0, "It runs and holds nothing."),
    Tab("Queues", (FactKind.QUEUES,), 2.0, "It takes from no queue; {worker.add-consumer|C} adds one."),
    Tab("Revoked", (FactKind.REVOKED,), 2.0, "It will discard no task."),
    Tab("Registered", (FactKind.REGISTERED,), 5.0, "It knows no task."),
    Tab("Settings", (FactKind.CONF,), 60.0, "It told no setting."),
    Tab("Report", (FactKind.REPORT,), 60.0, "It reported nothing."),
)

WORDS = {
    FactKind.ACTIVE: ("runs", "bold $warning"),
    FactKind.RESERVED: ("reserved", ""),
    FactKind.SCHEDULED: ("scheduled", "$accent"),
}
"""What a task of each kind is to its worker."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of an answer, as listed."""

    kind: FactKind
    """The question."""
    row: FactRow
    """What was said."""


def _name(line: Line) -> Content:
    word, style = WORDS.get(line.kind, ("", ""))
    return Content.assemble((f"{word:<10}", style), line.row.name) if word else Content(line.row.name)


def _note(line: Line) -> Content:
    return Content.styled(line.row.note, "bold $warning" if line.row.note.startswith("≠") else "$text-muted")


COLUMNS: tuple[Column[Line], ...] = (
    Column("name", "What", None, _name, sort_key=lambda line: line.row.name, min_width=18, max_width=38),
    Column("value", "It says", None, lambda line: line.row.value, sort_key=lambda line: line.row.value),
    Column("note", "", None, _note, min_width=14, max_width=36, priority=1),
)


class WorkerDetailScreen(FleetScreen):
    """A worker's own words in tabs; the one in front is asked again and again."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "workers.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (NextFacts, PreviousFacts, *LEVERS)
    IS_DETAIL: ClassVar[bool] = True
    CAN_FILTER: ClassVar[bool] = True
    FILTER_HINT: ClassVar[str] = "words of a task, a queue, a setting"

    def __init__(self, session: Session, worker: Worker) -> None:
        super().__init__(session)
        self.worker = worker
        self._tab = 0
        self._facts: dict[FactKind, WorkerFact] = {}
        self._asked_at: dict[FactKind, float] = {}

    def compose_body(self) -> ComposeResult:
        """Make the title, the names of the tabs, the rows, and what runs."""
        yield Lines(id="worker-title")
        yield Lines(id="tabs")
        yield LineTable(COLUMNS, key=lambda line: (line.kind, line.row.key), id="facts", can_mark=False)
        yield Lines(id="worker")

    def on_mount(self) -> None:
        """Put the rows at hand."""
        self._table_of_facts.focus()
        self._show()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show what the fleet knows of the worker."""
        now = next((one for one in snapshot.workers if one.hostname == self.worker.hostname), None)
        if now is not None:
            self.worker = now
        self._show_title(is_known=now is not None)
        self._show_below()

    async def refresh_data(self) -> None:
        """Ask what is due: everything at first, then what the tab in front shows."""
        now = time.monotonic()
        tabs = (TABS[self._tab],) if self._asked_at else TABS
        due = [
            kind
            for tab in tabs
            for kind in tab.kinds
            if now - self._asked_at.get(kind, float("-inf")) >= tab.every_s
        ]
        if due:
            self._asked_at.update(dict.fromkeys(due, now))
            await self.session.fleet.worker_facts(self.worker.hostname, due, self._take)
        self._show_rows()

    def look_again(self) -> None:
        """Ask everything anew: something was done to it."""
        self._asked_at.clear()
        super().look_again()

    def action_refresh_now(self) -> None:
        """Ask everything anew."""
        self._asked_at.clear()
        super().action_refresh_now()

    def action_next_facts(self, by: int = 1) -> None:
        """Show another tab."""
        self._tab = (self._tab + by) % len(TABS)
        self._show()
        self._poll()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the worker, with the task or queue under the cursor."""
        line = self._table_of_facts.cursor_row
        kind = None if line is None else line.kind
        name = "" if line is None else line.row.name
        is_task = kind in (FactKind.REGISTERED, *WORDS)
        return [
            Target(self.worker, task=name if is_task else "", queue=name if kind is FactKind.QUEUES else "")
        ]

    def text_to_copy(self) -> str:
        """Return the row under the cursor."""
        line = self._table_of_facts.cursor_row
        if line is None:
            return self.worker.hostname
        return "  ".join(part for part in (line.row.name, line.row.value, line.row.note) if part)

    @on(LineTable.CursorMoved, "#facts")
    def _show_below(self) -> None:
        """Show what the fleet knows of the worker, or all of the row under the cursor."""
        line, snapshot = self._table_of_facts.cursor_row, self.session.store.snapshot
        if line is not None and self._tab:
            shown = Content.assemble(
                (line.row.name, "bold $primary"), "\n", line.row.value, "\n", (line.row.note, "$text-muted")
            )
        elif snapshot is not None:
            shown = worker_lines(self.worker, snapshot.taken_at, self.session.keys)
        else:
            shown = Content("")
        self.query_one("#worker", Lines).show(shown)

    def _take(self, fact: WorkerFact) -> None:
        if self.is_mounted:
            self._facts[fact.kind] = fact
            if fact.kind in TABS[self._tab].kinds:
                self._show_rows()
            self._show_tabs()

    def _show(self) -> None:
        self._show_title(is_known=True)
        self._show_tabs()
        self._show_rows()
        self._show_below()

    def _show_title(self, *, is_known: bool) -> None:
        gone = "" if is_known else "  not seen any more"
        self.query_one("#worker-title", Lines).show(
            Content.assemble(
                (self.worker.hostname, "bold $primary"), "  ", state_cell(self.worker), (gone, "bold $error")
            )
        )

    def _show_tabs(self) -> None:
        names = []
        for place, tab in enumerate(TABS):
            known = [self._facts[kind] for kind in tab.kinds if kind in self._facts]
            count = sum(len(fact.rows) for fact in known)
            mark = f"·{count}" if known and tab.title in ("Tasks", "Queues", "Revoked", "Registered") else ""
            names.append(
                Content.styled(
                    f" {tab.title}{mark} ", "bold reverse" if place == self._tab else "$text-muted"
                )
            )
        self.query_one("#tabs", Lines).show(Content("").join(names))

    def _show_rows(self) -> None:
        tab, table = TABS[self._tab], self._table_of_facts
        facts = [self._facts[kind] for kind in tab.kinds if kind in self._facts]
        troubles = dict.fromkeys(fact.trouble for fact in facts if fact.trouble)
        if len(facts) < len(tab.kinds) and not troubles:
            table.empty = "Asking…"
        else:
            table.empty = "; ".join(troubles) or with_keys(tab.nothing, self.session.keys)
        words = self.filter_text.casefold().split()
        lines = [
            Line(fact.kind, row)
            for fact in facts
            for row in fact.rows
            if all(word in f"{row.name} {row.value} {row.note}".casefold() for word in words)
        ]
        # Where nothing is noted, the room is the answers'.
        table.show_columns(COLUMNS if any(line.row.note for line in lines) else COLUMNS[:-1])
        table.show_rows(lines)

    @property
    def _table_of_facts(self) -> LineTable[Line]:
        return self.query_one("#facts", LineTable)
