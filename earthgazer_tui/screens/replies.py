"""What each worker answered to a command, as it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from earthgazer_tui.fleet.models import ActionResult, Reply
from earthgazer_tui.screens.steady import SteadyDialog
from earthgazer_tui.widgets.lines import Lines
from earthgazer_tui.wording import counted, span

_TICK_S = 1.0


class Replies(SteadyDialog[None]):
    """Lists the workers' own words: live while they answer, worst first where they have."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "leave", "Close", id="replies.leave", tooltip="Close"),
    ]

    def __init__(self, title: str, result: ActionResult | None = None, awaited: Sequence[str] = ()) -> None:
        """Make the dialog.

        Args:
            title: What was asked of the workers.
            result: What came of it; None while they are still heard.
            awaited: Workers that are asked, in the order to show.
        """
        super().__init__()
        self.title_text = title
        self.result = result
        self.left = asyncio.Event()
        """Set once the operator has closed it."""
        self._awaited = tuple(awaited)
        self._heard: dict[str, Reply] = {}
        self._since = time.monotonic()

    def compose(self) -> ComposeResult:
        """Make the summary and a line for each worker."""
        with Vertical(id="dialog"):
            yield Static(Content(self.title_text), id="title", markup=False)
            yield Static(id="note", markup=False)
            with VerticalScroll(id="lines"):
                yield Lines(id="replies")
            yield Static(Content.assemble(("esc", "bold reverse"), "  Close"), id="options", markup=False)

    def on_mount(self) -> None:
        """Show what there is, and how long it takes."""
        self._show()
        self.set_interval(_TICK_S, self._show_summary)

    def on_unmount(self) -> None:
        """Let whoever waits for it go on."""
        self.left.set()

    def hear(self, reply: Reply) -> None:
        """Show a worker's newest word."""
        self._heard[reply.worker] = reply
        self._show()

    def finish(self, result: ActionResult) -> None:
        """Show what came of it."""
        self.result = result
        self._heard |= {reply.worker: reply for reply in result.replies}
        self._show()

    def action_leave(self) -> None:
        """Close; what was begun goes on."""
        self.dismiss(None)

    def _show(self) -> None:
        if not self.query("#replies"):
            return
        self._show_summary()
        self.query_one("#replies", Lines).show(Content("\n").join(self._lines()))

    def _show_summary(self) -> None:
        if self.result is not None:
            summary = self.result.summary
        else:
            final = sum(reply.is_final for reply in self._heard.values())
            passed = span(time.monotonic() - self._since)
            summary = f"{final} of {counted(len(self._awaited), 'worker')} done, {passed} so far"
        self.query_one("#note", Static).update(Content(summary))

    def _lines(self) -> list[Content]:
        if not self._awaited and self.result is not None:
            return [reply_line(reply) for reply in sorted(self.result.replies, key=lambda reply: reply.is_ok)]
        names = dict.fromkeys((*self._awaited, *self._heard))
        return [
            reply_line(self._heard[name])
            if name in self._heard
            else Content.assemble(("…", "$text-muted"), f" {name}: ", ("not heard yet", "$text-muted"))
            for name in names
        ]


def reply_line(reply: Reply) -> Content:
    """Return a worker's answer with a sign that says whether it did it."""
    sign = ("✓", "$success") if reply.is_ok else ("✗", "$error")
    if not reply.is_final:
        sign = ("…", "$warning")
    return Content.assemble(sign, f" {reply.worker}: {reply.text}")
