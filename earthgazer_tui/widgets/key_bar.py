"""The bottom line: which keys do what here."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.events import Resize
from textual.widgets import Static


class KeyBar(Static):
    """One line of keys and words, cut so that the last ones, such as help and quit, are always seen."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; width: 1fr; padding: 0 1; background: $panel; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._keys: tuple[tuple[str, str], ...] = ()
        self._always = 0

    def show_keys(self, keys: Sequence[tuple[str, str]], always: int) -> None:
        """Show these (key, word) pairs.

        Args:
            keys: The most important first.
            always: How many at the end stay when the others don't fit.
        """
        if (tuple(keys), always) != (self._keys, self._always):
            self._keys, self._always = tuple(keys), always
            self._lay_out()

    def on_resize(self, event: Resize) -> None:
        """Fit the keys to the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.size.width
        parts = [Content.assemble((key, "bold $foreground"), " ", word) for key, word in self._keys]
        # The keys are bold, so that one cell between is enough where all fit then.
        needed = sum(part.cell_length for part in parts)
        gap = Content(next((" " * n for n in (3, 2, 1) if needed + n * (len(parts) - 1) <= width), "  "))
        first, last = parts[: len(parts) - self._always], parts[len(parts) - self._always :]
        while first and sum(part.cell_length + len(gap) for part in (*first, *last)) > width + len(gap):
            first.pop()
        self.update(gap.join([*first, *last]))
