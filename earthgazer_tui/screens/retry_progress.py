"""How far the retry of many tasks is; it goes on when this is closed."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.types import CSSPathType
from textual.widgets import Static

from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.models import ActionResult, RetryOrder, RetryProgress
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.screens.steady import SteadyDialog
from earthgazer_tui.screens.waiting import first_of
from earthgazer_tui.state.under_way import BulkRetry, UnderWay
from earthgazer_tui.widgets.lines import Lines

_LOOK_S = 0.2
_BAR_CELLS = 30
_SOON_S = 0.3
"""A retry that is over by then needs no dialog."""


class RetryProgressDialog(SteadyDialog[None]):
    """Shows a retry of many tasks; x stops it, escape lets it go on out of sight."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["dialog.tcss", "retry_dialog.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "Stop", id="retry-progress.stop", tooltip="Stop after the one under way"),
        Binding("escape,enter,q", "leave", "Close", id="retry-progress.leave", tooltip="Let it go on"),
    ]

    def __init__(self, bulk: BulkRetry) -> None:
        super().__init__()
        self.bulk = bulk
        self.left = asyncio.Event()
        """Set once the operator has closed it."""

    def compose(self) -> ComposeResult:
        """Make the bar and the keys."""
        with Vertical(id="dialog"):
            yield Static(Content(f"Retry of {len(self.bulk.order.task_ids)} tasks"), id="title", markup=False)
            yield Lines(id="bar")
            yield Static(id="options", markup=False)

    def on_mount(self) -> None:
        """Look a few times a second."""
        self._show()
        self.set_interval(_LOOK_S, self._show)

    def on_unmount(self) -> None:
        """Let whoever waits for it go on."""
        self.left.set()

    def action_stop(self) -> None:
        """Stop after the task that is under way; the others stay failed."""
        self.bulk.stop.set()
        self._show()

    def action_leave(self) -> None:
        """Close; it goes on."""
        self.dismiss(None)

    def _show(self) -> None:
        bulk = self.bulk
        lines = [bar_line(bulk.progress)]
        if bulk.progress.last_refusal:
            lines.append(Content.styled(f"refused: {bulk.progress.last_refusal}", "$warning"))
        if bulk.result is not None:
            lines.append(Content.styled(bulk.result.summary, "$success" if bulk.result.is_ok else "$warning"))
        elif bulk.stop.is_set():
            lines.append(Content("stopping…"))
        self.query_one("#bar", Lines).show(Content("\n").join(lines))
        is_over = bulk.result is not None or bulk.stop.is_set()
        keys = [] if is_over else [(" x ", "Stop")]
        keys.append(("esc", "Close" if is_over else "Let it go on"))
        shown = [Content.assemble((key, "bold reverse"), " ", title) for key, title in keys]
        self.query_one("#options", Static).update(Content("   ").join(shown))


def bar_line(progress: RetryProgress) -> Content:
    """Return how far a retry is, in one line."""
    full = round(_BAR_CELLS * progress.done / max(1, progress.total))
    return Content.assemble(
        ("━" * full, "$success"),
        ("─" * (_BAR_CELLS - full), "$text-muted"),
        f"  {progress.retried} sent",
        (f", {progress.refused} refused" if progress.refused else "", "$warning"),
        f" of {progress.total}",
    )


async def run_bulk(screen: Screen[Any], fleet: Fleet, title: str, order: RetryOrder) -> None:
    """Retry many tasks in the background, shown by a dialog; returns at its end, or when that is closed.

    Args:
        screen: Where it was asked for.
        fleet: The fleet that does it.
        title: What was asked for, for the notification at its end.
        order: The tasks, and how.
    """
    under_way = _under_way(screen)
    if under_way.running is not None:
        screen.notify(
            "A retry of many is under way: b shows it, and stops it there.",
            title=title, severity="warning", markup=False,
        )  # fmt: skip
        return
    bulk = under_way.bulk = BulkRetry(order, RetryProgress(len(order.task_ids)))
    dialog = RetryProgressDialog(bulk)
    over = asyncio.Event()
    app = screen.app

    async def run() -> None:
        try:
            bulk.result = await fleet.retry_bulk(order, bulk.take, bulk.stop)
        except FleetError as error:
            bulk.result = ActionResult(False, str(error))
        finally:
            bulk.stop.set()
            over.set()
        if not dialog.is_current:
            app.notify(
                bulk.result.summary, title=title,
                severity="information" if bulk.result.is_ok else "warning", timeout=8, markup=False,
            )  # fmt: skip

    # The app's, so that it goes on when its screen is left.
    app.run_worker(run(), group="bulk")
    try:
        async with asyncio.timeout(_SOON_S):
            await over.wait()
        return
    except TimeoutError:
        await app.push_screen(dialog)
    await first_of(over, dialog.left)


def _under_way(screen: Screen[Any]) -> UnderWay:
    # Screens that carry out commands are made of what this one is a part of.
    from earthgazer_tui.screens.commanding import CommandingScreen

    return screen.session.under_way if isinstance(screen, CommandingScreen) else UnderWay()
