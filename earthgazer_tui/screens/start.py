"""What is being started, until there is something to look at."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from earthgazer_tui.fleet.models import StartStep, StepState
from earthgazer_tui.screens.steady import SteadyScreen

SIGNS = {
    StepState.STARTING: ("…", "$warning"),
    StepState.READY: ("✓", "$success"),
    StepState.FAILED: ("✗", "bold $error"),
}
NAME_CELLS = 16


class StartScreen(SteadyScreen[None]):
    """Lists the steps of the start with how far each has come, and why it failed if it did."""

    CSS_PATH = "start.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "app.leave", "Quit", id="start.quit", tooltip="Quit"),
        Binding("r", "app.start_again", "Try again", id="start.again", tooltip="Try to start again"),
        Binding("c", "app.switch_context", "Fleets", id="start.context", tooltip="Choose another fleet"),
        Binding("escape", "app.go_back", "Back", id="start.back", tooltip="Back to the fleet before"),
    ]

    def __init__(self, name: str = "", back_to: str = "") -> None:
        """Take what is started.

        Args:
            name: Name of the fleet; empty where it has none.
            back_to: Name of the fleet that escape goes back to; empty where there is none.
        """
        super().__init__()
        self.fleet_name = name
        self.back_to = back_to
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
            yield Static(self._starting, id="steps", markup=False)
            yield Static(self._keys(is_failed=False), id="start-keys", markup=False)

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
        self.query_one("#start-keys", Static).update(self._keys(is_failed=True))

    def clear(self, name: str = "") -> None:
        """Forget all steps, for another try, or for another fleet."""
        self.fleet_name = name or self.fleet_name
        self.steps.clear()
        self.failure = ""
        self._lay_out()
        self.query_one("#start-keys", Static).update(self._keys(is_failed=False))

    def _lay_out(self) -> None:
        lines = [_line(step) for step in self.steps.values()] or [self._starting]
        if self.failure:
            lines += [Content(""), Content.styled(self.failure, "bold $error")]
        self.query_one("#steps", Static).update(Content("\n").join(lines))

    @property
    def _starting(self) -> Content:
        return Content(f"Opening {self.fleet_name}…" if self.fleet_name else "Starting…")

    def _keys(self, *, is_failed: bool) -> Content:
        """Return which keys help."""
        keys = [("r", "Try again"), ("c", "Another fleet")] if is_failed else []
        if self.back_to:
            keys.append(("esc", f"Back to {self.back_to}"))
        parts = [Content.assemble((key, "bold"), f" {title}") for key, title in (*keys, ("q", "Quit"))]
        return Content("   ").join(parts).stylize("$text-muted")


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
