"""What is being started, until there is something to look at."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from earthgazer_tui.fleet.models import StartStep, StepState

SIGNS = {
    StepState.STARTING: ("…", "$warning"),
    StepState.READY: ("✓", "$success"),
    StepState.FAILED: ("✗", "bold $error"),
}
NAME_CELLS = 16


class StartScreen(Screen[None]):
    """Lists the steps of the start with how far each has come, and why it failed if it did."""

    CSS_PATH = "start.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "app.leave", "Quit", id="start.quit", tooltip="Quit"),
        Binding("r", "app.start_again", "Try again", id="start.again", tooltip="Try to start again"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[str, StartStep] = {}
        self.failure = ""

    def compose(self) -> ComposeResult:
        """Make the place for the steps."""
        with Vertical(id="start"):
            yield Static(
                Content.assemble(
                    ("EarthGazer", "bold $primary"), ("  watches places on Earth", "$text-muted")
                ),
                markup=False,
            )
            yield Static(Content("Starting…"), id="steps", markup=False)
            yield Static(_keys(is_failed=False), id="start-keys", markup=False)

    def show_step(self, step: StartStep) -> None:
        """Show how far a step has come; a step of the same name before is replaced.

        Some come when nobody looks any more: workers start while the overview is shown already.
        """
        self.steps[step.name] = step
        if self.is_attached and self.is_running:
            self._lay_out()

    def show_failure(self, reason: str) -> None:
        """Show why there is nothing to look at."""
        self.failure = reason
        self._lay_out()
        self.query_one("#start-keys", Static).update(_keys(is_failed=True))

    def clear(self) -> None:
        """Forget all steps, for another try."""
        self.steps.clear()
        self.failure = ""
        self._lay_out()
        self.query_one("#start-keys", Static).update(_keys(is_failed=False))

    def _lay_out(self) -> None:
        lines = [_line(step) for step in self.steps.values()] or [Content("Starting…")]
        if self.failure:
            lines += [Content(""), Content.styled(self.failure, "bold $error")]
        self.query_one("#steps", Static).update(Content("\n").join(lines))


def _keys(*, is_failed: bool) -> Content:
    """Return which keys help."""
    again = Content.assemble(("r", "bold"), " Try again   ") if is_failed else Content("")
    return Content.assemble(again, ("q", "bold"), " Quit").stylize("$text-muted")


def _line(step: StartStep) -> Content:
    """Return one step."""
    sign, style = SIGNS[step.state]
    return Content.assemble(
        (sign, style),
        f" {step.name.ljust(NAME_CELLS)} ",
        (step.state.value.ljust(9), style),
        (f"{step.elapsed_s:5.1f} s  ", "$text-muted"),
        step.detail,
    )
