"""Failed: what failed and why, one by one or by kind, and retry from the keyboard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType
from textual.widgets import ContentSwitcher

from earthgazer_tui.commands.command import Command, Matching
from earthgazer_tui.commands.doctor import ExplainTask
from earthgazer_tui.commands.failed import (
    DismissTasks,
    NextFailedView,
    OpenTask,
    RevokeTasks,
    TerminateTasks,
)
from earthgazer_tui.commands.retry import EditRetry, RetryTasks, ShowBulkRetry
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.models import FailureGroup, TaskRow
from earthgazer_tui.screens.filter_help import TASKS, FilterHelp
from earthgazer_tui.screens.retrying import RetryingScreen
from earthgazer_tui.screens.task_detail import TaskDetailScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.failure_columns import (
    DEAD_LETTER,
    GROUP_COLUMNS,
    GroupLine,
    about_group,
    group_line,
)
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.task_facts import about, traceback_end
from earthgazer_tui.wording import clock, leaf_name

MOST = 500
"""Failures that are loaded at once."""
GROUPS_EVERY_S = 4.0
"""Failures are put together by kind no more often, since thousands are read for that."""
_REST_S = 0.15
"""The cursor rests for so long before a traceback is asked for."""
LIST, GROUPS, DEAD = "list", "groups", "dead"
"""Views: each failure, failures by kind, dead letters alone."""


@dataclass(frozen=True, slots=True)
class FailedLine:
    """A failed task as listed."""

    task: TaskRow
    """The task."""
    at: str
    """When it failed."""


def _error(line: FailedLine) -> Content:
    task = line.task
    if task.blocked_by:
        return Content.styled("blocked", "$warning")
    if task.error_type == DEAD_LETTER:
        return Content.styled("dead letter", "bold $error")
    if task.error_type:
        return Content.styled(task.error_type, "$error")
    return Content.styled(task.state.lower(), "$warning")


def _message(line: FailedLine) -> Content:
    if line.task.blocked_by:
        return Content(f"by header {line.task.blocked_by}")
    return Content(line.task.error_message or "")


def _capture(line: FailedLine) -> str:
    return "" if line.task.capture_id is None else str(line.task.capture_id)


COLUMNS: tuple[Column[FailedLine], ...] = (
    Column(
        "at", "When (UTC)", 11, lambda line: line.at, sort_key=lambda line: line.task.at, sort_descending=True
    ),
    Column(
        "task",
        "Task",
        None,
        lambda line: leaf_name(line.task.name),
        sort_key=lambda line: line.task.name,
        min_width=14,
        max_width=26,
    ),
    Column("capture", "Capt", 4, _capture, align="right", sort_key=lambda line: line.task.capture_id),
    Column(
        "attempt",
        "Try",
        3,
        lambda line: str(line.task.attempt),
        align="right",
        sort_key=lambda line: line.task.attempt,
        sort_descending=True,
    ),
    Column(
        "error", "Error", None, _error, sort_key=lambda line: line.task.error_type, min_width=16, max_width=28
    ),
    Column("message", "Message", None, _message, sort_key=lambda line: line.task.error_message, min_width=20),
)


class FailedScreen(RetryingScreen):
    """The list of failures, with the one under the cursor in full below; enter opens it."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "failed.tcss"]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]  # noqa: RUF012 - Textual declares it so
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenTask,
        NextFailedView,
        RetryTasks,
        EditRetry,
        DismissTasks,
        ExplainTask,
        RevokeTasks,
        TerminateTasks,
        ShowBulkRetry,
    )
    NEEDS: ClassVar[tuple[str, ...]] = ("database",)
    WITHOUT_DATABASE: ClassVar[str] = (
        "these are the failures that events told of since the console was started"
    )
    CAN_FILTER: ClassVar[bool] = True
    FILTER_HINT: ClassVar[str] = "words  name:ndvi  error:timeout  capture:7  since:2h  -worker:cpu2"
    FILTER_HELP: ClassVar[FilterHelp] = TASKS

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._view = LIST
        self._grouped: tuple[str, float] = ("", float("-inf"))
        self._shown_traceback: tuple[str, str] = ("", "")
        self._asked_traceback = ""

    def compose_body(self) -> ComposeResult:
        """Make the lists and the pane below them."""
        yield Lines(id="view-title")
        yield Lines(id="under-way")
        with ContentSwitcher(initial="failed"):
            yield LineTable(
                COLUMNS, key=lambda line: line.task.task_id, empty="Nothing has failed.", id="failed"
            )
            yield LineTable(
                GROUP_COLUMNS, key=lambda line: line.group.key, empty="Nothing has failed.", id="groups"
            )
        yield Lines(id="about")

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._show_view_title()
        self._failed.focus()

    async def refresh_data(self) -> None:
        """Show the failures that match the filter."""
        if self._view == GROUPS:
            await self._refresh_groups()
        else:
            await self._refresh_list()
        self._show_about()

    async def _refresh_list(self) -> None:
        view, text = self._view, self.filter_text
        wanted = f"{text} error:{DEAD_LETTER}".strip() if view == DEAD else text
        tasks = await self.session.fleet.failed(wanted, limit=MOST)
        if view != self._view:
            return
        now = datetime.now(UTC)
        snapshot = self.session.store.snapshot
        is_cut = len(tasks) >= MOST
        counted = snapshot.badges.failed if is_cut and snapshot is not None and not wanted else None
        lines = [FailedLine(task, clock(task.at, now)) for task in tasks]
        self._failed.show_rows(lines, total=counted, is_cut=is_cut)

    async def _refresh_groups(self) -> None:
        text, now = self.filter_text, time.monotonic()
        if self._grouped[0] == text and now - self._grouped[1] < GROUPS_EVERY_S:
            return
        found = await self.session.fleet.failure_groups(text)
        self._grouped = (text, now)
        moment = datetime.now(UTC)
        lines = [group_line(group, moment) for group in found.groups]
        self._groups.show_rows(lines, is_cut=found.is_cut)

    def look_again(self) -> None:
        """Show what became of something that was done."""
        self._grouped = ("", float("-inf"))
        super().look_again()

    def action_refresh_now(self) -> None:
        """Ask the fleet again at once."""
        self._grouped = ("", float("-inf"))
        super().action_refresh_now()

    def action_next_view(self) -> None:
        """Show failures by kind, then the dead letters alone, then each failure again."""
        self._view = {LIST: GROUPS, GROUPS: DEAD, DEAD: LIST}[self._view]
        switcher = self.query_one(ContentSwitcher)
        switcher.current = "groups" if self._view == GROUPS else "failed"
        self._failed.clear_marks()
        self._failed.empty = "There are no dead letters." if self._view == DEAD else "Nothing has failed."
        self._list.focus()
        self._show_view_title()
        self._grouped = ("", float("-inf"))
        self.action_refresh_now()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the chosen tasks; those of the chosen groups."""
        if self._view == GROUPS:
            return [task for line in self._groups.chosen for task in tasks_of(line.group)]
        return [line.task for line in self._failed.chosen]

    @property
    def matching(self) -> Matching | None:
        """What the subjects are only a part of, where all that matches was marked."""
        found = super().matching
        if found is None or self._view != DEAD:
            return found
        return replace(found, filter_text=f"{found.filter_text} error:{DEAD_LETTER}".strip())

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        self._list.action_open()

    def text_to_copy(self) -> str:
        """Return name, id and error of what is under the cursor."""
        if self._view == GROUPS:
            group = self._groups.cursor_row
            return "" if group is None else about_group(group.group).plain
        line = self._failed.cursor_row
        return "" if line is None else f"{line.task.name} {line.task.task_id}\n{about(line.task).plain}"

    @on(LineTable.CursorMoved)
    def _show_about(self) -> None:
        task_id, words = "", Content("")
        group, line = self._groups.cursor_row, self._failed.cursor_row
        if self._view == GROUPS and group is not None:
            task_id, words = next(iter(group.group.task_ids), ""), about_group(group.group)
        elif self._view != GROUPS and line is not None:
            task_id = f"{line.task.task_id}" if line.task.error_type else ""
            words = about(line.task)
        shown_id, traceback = self._shown_traceback
        pane = self.query_one("#about", Lines)
        if shown_id == task_id and traceback:
            room = max(1, pane.size.height - words.plain.count("\n") - 1)
            words = Content("\n").join([words, traceback_end(traceback, room)])
        pane.show(words)
        if shown_id != task_id != self._asked_traceback:
            self._ask_traceback(task_id)

    @work(exclusive=True, group="traceback")
    async def _ask_traceback(self, task_id: str) -> None:
        """Show the traceback once the cursor rests."""
        self._asked_traceback = task_id
        await asyncio.sleep(_REST_S)
        try:
            traceback = await self.session.fleet.traceback(task_id) if task_id else ""
        except FleetError:
            # The banner says why; it is asked for again with the next look.
            self._asked_traceback = ""
            return
        self._shown_traceback = (task_id, traceback)
        self._show_about()

    @on(LineTable.Opened, "#failed")
    def _open(self, event: LineTable.Opened) -> None:
        self.app.push_screen(TaskDetailScreen(self.session, event.row.task.task_id))

    @on(LineTable.Opened, "#groups")
    def _open_group(self, event: LineTable.Opened) -> None:
        from earthgazer_tui.screens.failure_group import FailureGroupScreen

        self.app.push_screen(FailureGroupScreen(self.session, event.row.group))

    def _show_view_title(self) -> None:
        names = ((LIST, "each"), (GROUPS, "by kind"), (DEAD, "dead letters"))
        parts = [
            Content.styled(name, "bold reverse" if view == self._view else "$text-muted")
            for view, name in names
        ]
        self.query_one("#view-title", Lines).show(Content("  ").join(parts))

    @property
    def _list(self) -> LineTable[Any]:
        return self._groups if self._view == GROUPS else self._failed

    @property
    def _failed(self) -> LineTable[FailedLine]:
        return self.query_one("#failed", LineTable)

    @property
    def _groups(self) -> LineTable[GroupLine]:
        return self.query_one("#groups", LineTable)


def tasks_of(group: FailureGroup) -> list[TaskRow]:
    """Return the tasks of a group as far as a command needs to know them; the fleet looks again."""
    at = group.last_at or datetime.now(UTC)
    return [
        TaskRow(
            task_id=task_id, name=group.name, state="FAILURE", queue=None, worker=None, at=at, runtime_s=None,
            retries=0, attempt=1, error_type=group.error_type or None, error_message=group.sample or None,
            capture_id=None, run_id=None,
        )
        for task_id in group.task_ids
    ]  # fmt: skip
