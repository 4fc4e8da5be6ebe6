"""One queue: its messages, the next to run first, then what workers hold of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.messages import DeleteMessages, MessageChoice, MoveMessages, OpenMessage
from earthgazer_tui.commands.queues import MoveAll, PauseQueue, PurgeQueue, QueueChoice, ResumeQueue
from earthgazer_tui.fleet.errors import NotFoundError
from earthgazer_tui.fleet.models import QueueContents, QueueDepth, Snapshot
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.message_detail import MessageScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.line_table import LineTable
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.message_facts import MESSAGE_COLUMNS, MessageLine, message_brief, message_line
from earthgazer_tui.widgets.queue_cells import consumers_cell
from earthgazer_tui.widgets.queue_facts import pause_text
from earthgazer_tui.wording import counted

ON_MESSAGES = (MoveMessages, DeleteMessages)
"""Commands on messages; the others are on the queue."""
RESTS = 20
"""How many times as long as a look takes there is none after it."""
LONGEST_REST_S = 30.0


class QueueDetailScreen(FleetScreen):
    """The messages of a queue; enter opens one in full."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "queues.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (
        OpenMessage,
        DeleteMessages,
        MoveMessages,
        MoveAll,
        PauseQueue,
        ResumeQueue,
        PurgeQueue,
    )
    IS_DETAIL: ClassVar[bool] = True

    def __init__(self, session: Session, queue: str) -> None:
        super().__init__(session)
        self.queue = queue
        self.contents: QueueContents | None = None
        self._rested_at = 0.0

    def compose_body(self) -> ComposeResult:
        """Make the title, the list and the pane below it."""
        yield Lines(id="queue-title")
        yield LineTable(
            MESSAGE_COLUMNS,
            key=lambda line: line.message.key,
            empty="Nothing waits here, and no worker holds anything of it.",
            id="messages",
        )
        yield Lines(id="message")

    def on_mount(self) -> None:
        """Put the list at hand."""
        self._messages.focus()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show what is known of the queue itself."""
        self._show_title()

    async def refresh_data(self) -> None:
        """Look into the queue."""
        began = monotonic()
        try:
            self.contents = await self.session.fleet.queue_contents(self.queue)
        except NotFoundError:
            self.contents = None
            self._messages.show_rows(())
            self._show_title()
            self._show_message()
            raise
        # A queue of which workers hold thousands takes a while to look into: then it is done less often.
        self._rested_at = monotonic() + min(LONGEST_REST_S, RESTS * (monotonic() - began))
        now = datetime.now(UTC)
        self._messages.show_rows([message_line(message, now) for message in self.contents.messages])
        self._show_title()
        self._show_message()

    def _poll(self) -> None:
        # Where looking takes messages out for a moment, the operator says when: ^r, or an action.
        is_free = self.contents is None or self.contents.is_free_to_look
        if is_free and monotonic() >= self._rested_at:
            super()._poll()

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the chosen messages, or the queue for what is done to all of it."""
        others = self.contents.others if self.contents is not None else ()
        if issubclass(command, ON_MESSAGES):
            return [MessageChoice(line.message, others) for line in self._messages.chosen]
        return (QueueChoice(self.queue, self._depth, others),)

    def action_open_row(self) -> None:
        """Open the message under the cursor."""
        self._messages.action_open()

    def text_to_copy(self) -> str:
        """Return task name, id and arguments of the message under the cursor."""
        line = self._messages.cursor_row
        if line is None:
            return ""
        return f"{line.message.name} {line.message.task_id} {line.message.arguments}".rstrip()

    @property
    def title_text(self) -> str:
        """Name of the screen, for people."""
        return f"Queue {self.queue}"

    @property
    def _depth(self) -> QueueDepth | None:
        snapshot = self.session.store.snapshot
        queues = () if snapshot is None else snapshot.queues
        return next((queue for queue in queues if queue.name == self.queue), None)

    def _show_title(self) -> None:
        self.query_one("#queue-title", Lines).show(self._title())

    def _title(self) -> Content:
        contents, depth, snapshot = self.contents, self._depth, self.session.store.snapshot
        parts: list[Content | str] = []
        if contents is not None:
            listed = sum(one.held_s is None for one in contents.messages)
            first = f" (the first {listed} listed)" if listed < contents.waiting else ""
            parts.append(f"{counted(contents.waiting, 'message')} waiting{first}")
            if contents.held is not None:
                parts.append(f"{contents.held} held")
        if depth is not None:
            if depth.timed:
                parts.append(f"{depth.timed} until their time")
            parts.append(Content.assemble("consumers: ", consumers_cell(depth)))
        name = Content.styled(self.queue, "bold $primary")
        title = Content.assemble(name, "  ", Content(" · ").join(map(_content, parts)))
        if depth is not None and depth.pause is not None and snapshot is not None:
            title = Content("\n").join(
                [
                    title,
                    Content.styled(
                        f"‖ {pause_text(depth, snapshot.taken_at, self.session.keys)}", "bold $warning"
                    ),
                ]
            )
        return title

    @on(LineTable.CursorMoved, "#messages")
    def _show_message(self) -> None:
        line = self._messages.cursor_row
        self.query_one("#message", Lines).show(Content("") if line is None else message_brief(line))

    @on(LineTable.Opened, "#messages")
    def _open(self, event: LineTable.Opened) -> None:
        others = self.contents.others if self.contents is not None else ()
        self.app.push_screen(MessageScreen(self.session, event.row.message, others))

    @property
    def _messages(self) -> LineTable[MessageLine]:
        return self.query_one("#messages", LineTable)


def _content(part: Content | str) -> Content:
    return Content(part) if isinstance(part, str) else part
