"""What to do with work in progress when the last console of an embedded stack quits."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from earthgazer_tui.fleet.models import QuitChoice, WorkInProgress
from earthgazer_tui.screens.steady import SteadyDialog
from earthgazer_tui.wording import counted

CHOICES = (
    ("w", QuitChoice.WAIT, "wait: running tasks end, then the stack stops"),
    ("l", QuitChoice.LEAVE, "leave: the stack goes on without a console"),
    ("s", QuitChoice.STOP, "stop now: what ran is given back and runs again next time"),
)


class QuitDialog(SteadyDialog[QuitChoice | None]):
    """Asks; dismisses with the choice, or None to stay."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(
                key,
                f"choose({choice.value!r})",
                choice.value.capitalize(),
                id=f"quit.{choice.value}",
                tooltip=text,
            )
            for key, choice, text in CHOICES
        ),
        Binding("escape,n", "stay", "Stay", id="quit.stay", tooltip="Don't quit"),
    ]

    def __init__(self, work: WorkInProgress) -> None:
        super().__init__()
        self.work_in_progress = work

    def compose(self) -> ComposeResult:
        """Make the question and its answers."""
        work = self.work_in_progress
        verb = "runs" if work.running == 1 else "run"
        with Vertical(id="dialog"):
            yield Static(Content("Quit with work in progress?"), id="title", markup=False)
            yield Static(
                Content(
                    f"{counted(work.running, 'task')} {verb} and {counted(work.waiting, 'message')} "
                    f"wait{'s' if work.waiting == 1 else ''} on the embedded stack. This is its last console."
                ),
                id="note",
                markup=False,
            )
            lines = [Content.assemble((f" {key} ", "bold reverse"), f"  {text}") for key, _, text in CHOICES]
            lines.append(Content.assemble(("esc", "bold reverse"), "  stay here"))
            yield Static(Content("\n").join(lines), id="options", markup=False)

    def action_choose(self, choice: str) -> None:
        """Quit with this choice."""
        self.dismiss(QuitChoice(choice))

    def action_stay(self) -> None:
        """Don't quit."""
        self.dismiss(None)
