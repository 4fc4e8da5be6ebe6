"""The bottom line: which keys do what here."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

ALWAYS = 2
"""Keys at the end that stay when the others don't fit."""


class KeyBar(Static):
    """One line of keys and words, cut so that the last ones, help and quit, are always seen."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; width: 1fr; padding: 0 1; background: $panel; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._keys: tuple[tuple[str, str], ...] = ()

    def show_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        """Show these (key, word) pairs, the most important first and last."""
        if tuple(keys) != self._keys:
            self._keys = tuple(keys)
            self._lay_out()

    def on_resize(self, event: Resize) -> None:
        """Fit the keys to the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.size.width
        parts = [Content.assemble((key, "bold $foreground"), " ", word) for key, word in self._keys]
        gap = Content("   " if sum(part.cell_length + 3 for part in parts) <= width else "  ")
        first, last = parts[:-ALWAYS], parts[-ALWAYS:]
        while first and sum(part.cell_length + len(gap) for part in (*first, *last)) > width + len(gap):
            first.pop()
        self.update(gap.join([*first, *last]))
