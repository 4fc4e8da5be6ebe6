"""One message in full: arguments, what comes after it, and its headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.types import CSSPathType

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.messages import DeleteMessages, MessageChoice, MoveMessages
from earthgazer_tui.fleet.models import MessageDetail, QueueMessage
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.widgets.message_facts import message_facts


class MessageScreen(FleetScreen):
    """Everything about one message."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["base.tcss", "queues.tcss"]
    OWN_COMMANDS: ClassVar[tuple[type[Command], ...]] = (DeleteMessages, MoveMessages)
    IS_DETAIL: ClassVar[bool] = True

    def __init__(self, session: Session, message: QueueMessage, others: tuple[str, ...]) -> None:
        super().__init__(session)
        self.message = message
        self.others = others
        self.detail: MessageDetail | None = None

    def compose_body(self) -> ComposeResult:
        """Make the title and the facts."""
        yield Lines(id="message-title")
        with VerticalScroll(id="message-parts"):
            yield Lines(id="message-facts")

    def on_mount(self) -> None:
        """Let the keys scroll."""
        title = Content.assemble((self.message.name or "(no task)", "bold"), f"  {self.message.task_id}")
        self.query_one("#message-title", Lines).show(title)
        self.query_one("#message-parts").focus()

    async def refresh_data(self) -> None:
        """Look for the message again."""
        detail = await self.session.fleet.queue_message(self.message.queue, self.message.key)
        # When it was sent is known from where it was listed.
        self.message = replace(detail.row, sent_at=self.message.sent_at)
        self.detail = replace(detail, row=self.message)
        self.query_one("#message-facts", Lines).show(message_facts(self.detail, datetime.now(UTC)))

    def subjects(self, command: type[Command]) -> Sequence[Any]:
        """Return the message."""
        return (MessageChoice(self.message, self.others),)

    def text_to_copy(self) -> str:
        """Return task name, id and arguments."""
        if self.detail is None:
            return self.message.task_id
        row = self.detail.row
        return f"{row.name} {row.task_id}\nargs: {self.detail.args}\nkwargs: {self.detail.kwargs}"

    @property
    def title_text(self) -> str:
        """Name of the screen, for people."""
        return "Message"
