"""History: what ran over a span of time, by task or queue, and what operators did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.history import (
    LongerSpan,
    NextHistoryView,
    NextMeasure,
    NextSpan,
    OtherSpan,
    PreviousHistoryView,
    ShorterSpan,
)
from earthgazer_tui.commands.question import Prompt
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.models import History, HistoryGroup, OperatorAction
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.prompt import PromptDialog
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.history_plot import HistoryPlot, Measure
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.task_mark import short_task_name
from earthgazer_tui.wording import clock, percent, seconds_of, span

SPANS = (
    ("1h", timedelta(hours=1)),
    ("6h", timedelta(hours=6)),
    ("24h", timedelta(hours=24)),
    ("7d", timedelta(days=7)),
    ("30d", timedelta(days=30)),
    ("90d", timedelta(days=90)),
)
FIRST_SPAN = 2
LONGEST = timedelta(days=3660)
VIEWS = (("task", "by task"), ("queue", "by queue"), ("actions", "what operators did"))
AGAIN_S = 5.0
"""Least seconds between two countings."""
AGAIN_TIMES = 20
"""A counting that took long is not repeated before so many times that time."""


@dataclass(frozen=True, slots=True)
class ActionLine:
    """An operator's action as listed."""

    action: OperatorAction
    """The action."""
    at: str
    """When it was done."""


def _failed(group: HistoryGroup) -> Content:
    return Content.styled(percent(group.failed_percent), "bold $error" if group.failed else "$text-muted")


def _name(group: HistoryGroup) -> Content:
    return Content.styled(short_task_name(group.name), "bold" if group.is_total else "")


def _seconds(title: str, key: str, width: int) -> Column[HistoryGroup]:
    """Return a column of a percentile: ``run.p95``."""
    what, which = key.split(".")

    def value(group: HistoryGroup) -> float | None:
        found: float | None = getattr(getattr(group, what), which)
        return found

    return Column(
        key, title, width, lambda group: span(value(group)), align="right", sort_key=value,
        sort_descending=True,
    )  # fmt: skip


GROUP_COLUMNS: tuple[Column[HistoryGroup], ...] = (
    Column("name", "Name", None, _name, sort_key=lambda group: group.name, min_width=18, max_width=48),
    Column(
        "count", "Ended", 7, lambda group: str(group.count), align="right",
        sort_key=lambda group: group.count, sort_descending=True,
    ),
    Column(
        "failed", "Fail", 4, _failed, align="right", sort_key=lambda group: group.failed_percent,
        sort_descending=True,
    ),
    _seconds("Run p50", "run.p50", 7),
    _seconds("p95", "run.p95", 6),
    _seconds("p99", "run.p99", 6),
    _seconds("Wait p50", "wait.p50", 8),
    _seconds("p95", "wait.p95", 6),
    _seconds("p99", "wait.p99", 6),
)  # fmt: skip

OUTCOMES = {"done": "$success", "refused": "$warning", "failed": "bold $error", "unsure": "bold $warning"}
ACTION_COLUMNS: tuple[Column[ActionLine], ...] = (
    Column(
        "at", "When (UTC)", 11, lambda line: line.at, sort_key=lambda line: line.action.at,
        sort_descending=True,
    ),
    Column(
        "who", "Who", None, lambda line: line.action.who, sort_key=lambda line: line.action.who,
        min_width=8, max_width=14,
    ),
    Column(
        "origin", "From", None, lambda line: line.action.origin, sort_key=lambda line: line.action.origin,
        min_width=10, max_width=26, priority=1,
    ),
    Column(
        "action", "Did", None, lambda line: line.action.action, sort_key=lambda line: line.action.action,
        min_width=15, max_width=20,
    ),
    Column(
        "target", "To", None, lambda line: line.action.target, sort_key=lambda line: line.action.target,
        min_width=16,
    ),
    Column(
        "outcome", "Outcome", 8,
        lambda line: Content.styled(line.action.outcome, OUTCOMES.get(line.action.outcome, "$warning")),
        sort_key=lambda line: line.action.outcome,
    ),
    Column("detail", "Detail", None, lambda line: line.action.detail, min_width=20, priority=2),
)  # fmt: skip


class HistoryScreen(FleetScreen):
    """Counts, failures and times with a plot of a measure below; and the audit."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "history.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        NextHistoryView,
        PreviousHistoryView,
        NextMeasure,
        NextSpan,
        OtherSpan,
        ShorterSpan,
        LongerSpan,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ("database",)
    WITHOUT_DATABASE: ClassVar[str] = (
        "what ran is not known; the actions (tab) are those of this user's audit file"
    )
    CAN_FILTER: ClassVar[bool] = True

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.view = 0
        self.span_index = FIRST_SPAN
        self.own_span: timedelta | None = None
        self._history: History | None = None
        self._counted: tuple[int, timedelta, bool] | None = None
        self._next_count_at = 0.0

    def compose_body(self) -> ComposeResult:
        """Make the line of views, both tables and what is below them."""
        yield Lines(id="views")
        yield LineTable(
            GROUP_COLUMNS,
            key=lambda group: (group.is_total, group.name),
            empty="No name matches the filter.",
            id="groups",
            can_mark=False,
        )
        yield HistoryPlot()
        yield LineTable(
            ACTION_COLUMNS,
            key=lambda line: line.action.number,
            empty="Nothing was done yet, or nothing matches the filter.",
            id="actions",
            can_mark=False,
            is_tail=True,
        )
        yield Lines(id="action")

    def on_mount(self) -> None:
        """Show the first view."""
        self._show_view()

    async def refresh_data(self) -> None:
        """Ask for what the view shows; a counting is repeated the less often the longer it takes."""
        if VIEWS[self.view][0] == "actions":
            found = await self.session.fleet.actions(self.filter_text)
            now = datetime.now(UTC)
            self._actions.show_rows([ActionLine(action, clock(action.at, now)) for action in found])
            self._show_action()
            return
        wanted = (self.view, self.span, self._needs_times)
        if wanted != self._counted or monotonic() >= self._next_count_at:
            began = monotonic()
            try:
                self._history = await self.session.fleet.history(
                    wanted[1], VIEWS[wanted[0]][0], with_times=wanted[2]
                )
            except FleetError:
                self.query_one(HistoryPlot).is_counting = False
                raise
            self._counted = wanted
            self._next_count_at = monotonic() + max(AGAIN_S, AGAIN_TIMES * (monotonic() - began))
        if (self.view, self.span, self._needs_times) == wanted:
            self._show_groups()

    @property
    def _needs_times(self) -> bool:
        return self.query_one(HistoryPlot).measure in (Measure.RUN_TIME, Measure.WAIT_TIME)

    @property
    def span(self) -> timedelta:
        """What is looked at: a span of one's own, or one of the usual ones."""
        return self.own_span or SPANS[self.span_index][1]

    def action_refresh_now(self) -> None:
        """Count again at once."""
        self._next_count_at = 0.0
        super().action_refresh_now()

    def action_next_view(self, by: int) -> None:
        """Show the next view, or the one before."""
        self.view = (self.view + by) % len(VIEWS)
        self._show_view()
        self._refresh()

    def action_next_span(self, by: int, is_round: bool = False) -> None:
        """Look at a longer or a shorter one of the usual spans."""
        self.own_span = None
        index = self.span_index + by
        self.span_index = index % len(SPANS) if is_round else max(0, min(index, len(SPANS) - 1))
        self._show_views_line()
        self._refresh()

    @work(group="span", exclusive=True)
    async def action_other_span(self, text: str = "") -> None:
        """Look at a span of any length; ask for it where none is given."""
        complaint = _complaint(text) if text else ""
        if complaint:
            self.notify(complaint, title="Span", severity="warning", markup=False)
            return
        if not text:
            prompt = Prompt("How far back?", (), "36h", "90m, 36h or 45d", _complaint)
            typed = await self.app.push_screen_wait(PromptDialog(prompt))
            text = typed or ""
        if text:
            self.own_span = timedelta(seconds=seconds_of(text))
            self._show_views_line()
            self._refresh()

    def action_next_measure(self) -> None:
        """Draw the next measure."""
        plot, measures = self.query_one(HistoryPlot), list(Measure)
        plot.measure = measures[(measures.index(plot.measure) + 1) % len(measures)]
        self._show_plot()
        self._refresh()

    def text_to_copy(self) -> str:
        """Return what is under the cursor."""
        line, group = self._actions.cursor_row, self._groups.cursor_row
        if VIEWS[self.view][0] == "actions":
            return "" if line is None else _full(line.action).plain
        return "" if group is None else f"{group.name} {group.count} ended, {group.failed} failed"

    def _show_view(self) -> None:
        is_audit = VIEWS[self.view][0] == "actions"
        self.query_one("#body").set_class(is_audit, "-audit")
        (self._actions if is_audit else self._groups).focus()
        self._show_views_line()

    def _show_views_line(self) -> None:
        views = [
            (f" {title} ", "bold reverse" if place == self.view else "$text-muted")
            for place, (_, title) in enumerate(VIEWS)
        ]
        spans = [
            (
                f" {title} ",
                "bold reverse" if place == self.span_index and not self.own_span else "$text-muted",
            )
            for place, (title, _) in enumerate(SPANS)
        ]
        if self.own_span:
            spans.insert(0, (f" {span(self.own_span.total_seconds())} ", "bold reverse"))
        shown = Content.assemble(*views)
        if VIEWS[self.view][0] != "actions":
            shown = Content.assemble(shown, ("   last", "$text-muted"), *spans)
            if self._history is not None and self._history.is_rounded:
                shown = Content.assemble(shown, ("  times ±1 %", "$text-muted"))
        self.query_one("#views", Lines).show(shown)

    def _show_groups(self) -> None:
        if self._history is None:
            return
        words = self.filter_text.casefold().split()
        groups = [
            group for group in self._history.groups if all(word in group.name.casefold() for word in words)
        ]
        self._groups.show_rows(groups)
        self._show_views_line()
        self._show_plot()

    @on(LineTable.CursorMoved, "#groups")
    def _show_plot(self) -> None:
        group, history, counted = self._groups.cursor_row, self._history, self._counted
        is_counted = counted is not None and (counted[2] or not self._needs_times)
        plot = self.query_one(HistoryPlot)
        plot.is_counting = not is_counted
        plot.shown = None if group is None or history is None or not is_counted else (history, group)

    @on(LineTable.CursorMoved, "#actions")
    def _show_action(self) -> None:
        line = self._actions.cursor_row
        self.query_one("#action", Lines).show(Content("") if line is None else _full(line.action))

    @property
    def _groups(self) -> LineTable[HistoryGroup]:
        return self.query_one("#groups", LineTable)

    @property
    def _actions(self) -> LineTable[ActionLine]:
        return self.query_one("#actions", LineTable)


def _full(action: OperatorAction) -> Content:
    """Return everything about an action."""
    where = " · ".join(part for part in (action.origin, action.context) if part)
    lines: list[Any] = [
        Content.assemble(
            (action.action, "bold $primary"),
            "  ",
            (action.outcome, OUTCOMES.get(action.outcome, "$warning")),
            (f"  {action.at:%Y-%m-%d %H:%M:%S} UTC", "$text-muted"),
        ),
        Content.assemble(("  by      ", "$text-muted"), f"{action.who}  {where}"),
        Content.assemble(("  to      ", "$text-muted"), action.target),
        Content.assemble(("  detail  ", "$text-muted"), action.detail or "–"),
    ]
    return Content("\n").join(lines)


def _complaint(text: str) -> str:
    """Return why that is no span; empty where it is one."""
    try:
        seconds = seconds_of(text)
    except ValueError as error:
        return str(error)
    return "" if 60 <= seconds <= LONGEST.total_seconds() else "between a minute and ten years"
