"""Why a filter line can't be read, with a caret under the place."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class FilterNote(Static):
    """Hidden unless there is something to say; stands right under the filter line."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    FilterNote { display: none; height: auto; width: 1fr; background: $panel; color: $error; }
    FilterNote.-shown { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)

    def show_reason(self, reason: str, cell: int) -> None:
        """Show a reason, its caret under a cell of the line above."""
        room = max(1, self.app.size.width)
        caret = " " * min(max(0, cell), room - 1) + "^"
        gap = " " if len(caret) + 1 + Content(reason).cell_length <= room else "\n"
        self.update(Content(f"{caret}{gap}{reason}"))
        self.add_class("-shown")

    def clear(self) -> None:
        """Say nothing more."""
        self.remove_class("-shown")
