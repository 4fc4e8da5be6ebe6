"""An editor for the arguments of a task: JSON, judged while it is typed; what it changes is shown first."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Paste
from textual.types import CSSPathType
from textual.widgets import ContentSwitcher, Static, TextArea

from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.models import ArgumentsReview, EditableArguments
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.screens.steady import SteadyDialog
from earthgazer_tui.widgets.lines import Lines

_EDITING, _JUDGING = "editor", "changes"


class ArgumentsArea(TextArea):
    """A text area into which nothing but characters that can be shown is pasted."""

    async def on_paste(self, event: Paste) -> None:
        """Paste what can be shown; line ends as they are typed."""
        event.prevent_default()
        event.stop()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "  ")
        clean = "".join(c for c in text if c.isprintable() or c == "\n")
        result = self.replace(clean, *self.selection, maintain_selection_offset=False)
        self.move_cursor(result.end_location)


class EditArguments(SteadyDialog[str | None]):
    """Dismisses with the text once its difference was accepted, or None."""

    CSS_PATH: ClassVar[CSSPathType | None] = ["dialog.tcss", "edit_arguments.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "look", "Look", id="edit.look", tooltip="Look at what it changes"),
        Binding(
            "escape", "leave", "Leave", priority=True, id="edit.leave", tooltip="Back, or change nothing"
        ),
        Binding("y", "send", "Send", show=False, id="edit.send", tooltip="Send a copy with these arguments"),
        Binding("n", "leave", "No", show=False, id="edit.no", tooltip="Go on editing"),
    ]

    def __init__(self, fleet: Fleet, known: EditableArguments) -> None:
        super().__init__()
        self.known = known
        self._fleet = fleet
        self._judged = ""
        self._looked_at = ""
        """The text whose difference was shown; nothing else is ever sent."""
        self._is_warned = False

    def compose(self) -> ComposeResult:
        """Make the title, the editor with the difference in the same place, and what is to be said."""
        with Vertical(id="dialog"):
            title = Content.assemble(
                f"Edit & retry {self.known.name}  ", (self.known.task_id[:8], "$text-muted")
            )
            yield Static(title, id="title", markup=False)
            yield Static(Content(f"arguments: {self.known.source}"), id="note", markup=False)
            with ContentSwitcher(initial=_EDITING):
                yield ArgumentsArea(
                    self.known.text, id=_EDITING, show_line_numbers=True, tab_behavior="focus", compact=True
                )
                with VerticalScroll(id=_JUDGING):
                    yield Lines(id="difference")
            yield Static(id="complaint", markup=False)
            yield Static(id="options", markup=False)

    def on_mount(self) -> None:
        """Put the editor at hand."""
        self.query_one(ArgumentsArea).focus()
        self._show_keys()

    @property
    def text(self) -> str:
        """The text as it stands."""
        return self.query_one(ArgumentsArea).text

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._is_warned = False
        self._judge()

    @work(exclusive=True, group="judge")
    async def _judge(self) -> None:
        await self._ask()

    async def _ask(self) -> ArgumentsReview | None:
        """Return what the fleet says of the text as it stands; None where it can't say."""
        text = self.text
        try:
            review = await self._fleet.review_arguments(self.known.text, text)
        except FleetError as error:
            self._say(Content.styled(str(error), "$error"))
            return None
        if text != self.text:
            return None
        self._judged = text
        if review.problem:
            place = f"line {review.line}, column {review.column}: "
            self._say(Content.assemble((place, "bold $error"), (review.problem, "$error")))
        else:
            self._say(
                Content.styled("✓ JSON", "$success") if review.difference else Content("nothing changed")
            )
        return review

    @work(exclusive=True, group="look")
    async def action_look(self) -> None:
        """Show what the text changes, where it can be sent."""
        if self._is_judging:
            return
        review = await self._ask()
        if review is None:
            return
        if review.problem:
            area = self.query_one(ArgumentsArea)
            area.move_cursor((review.line - 1, review.column - 1))
        elif review.difference:
            self._looked_at = self._judged
            lines = [_coloured(line) for line in review.difference.split("\n")]
            self.query_one("#difference", Lines).show(Content("\n").join(lines))
            self.query_one(ContentSwitcher).current = _JUDGING
            self.query_one(f"#{_JUDGING}").focus()
            self._say(Content("It goes as a copy, under a new id; the task itself stays as it is."))
            self._show_keys()

    def action_send(self) -> None:
        """Go with the text whose difference is shown."""
        if self._is_judging and self._looked_at == self.text:
            self.dismiss(self.text)

    def action_leave(self) -> None:
        """Go back to the editor; from there leave, after a warning where something was changed."""
        if self._is_judging:
            self.query_one(ContentSwitcher).current = _EDITING
            self.query_one(ArgumentsArea).focus()
            self._show_keys()
            self._judge()
        elif self.text == self.known.text or self._is_warned:
            self.dismiss(None)
        else:
            self._is_warned = True
            self._say(Content.styled("Changed: esc again throws it away", "$warning"))

    @property
    def _is_judging(self) -> bool:
        return self.query_one(ContentSwitcher).current == _JUDGING

    def _say(self, words: Content) -> None:
        self.query_one("#complaint", Static).update(words)

    def _show_keys(self) -> None:
        editing = (("ctrl+s", "Look at the difference"), ("esc", "Cancel"))
        judging = (("y", "Send a copy"), ("n", "Go on editing"))
        keys = judging if self._is_judging else editing
        shown = [Content.assemble((f" {key} ", "bold reverse"), " ", title) for key, title in keys]
        self.query_one("#options", Static).update(Content("   ").join(shown))


def _coloured(line: str) -> Content:
    style = {"+": "$success", "-": "$error", "@": "$text-muted"}.get(line[:1], "")
    return Content.styled(line, style) if style else Content(line)
