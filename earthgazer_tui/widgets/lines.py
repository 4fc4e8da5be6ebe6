"""A few lines of text that are repainted only when they change."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Lines(Static):
    """Shows content as it is, never parsed as markup; the same content again costs nothing."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Lines { height: auto; width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes, markup=False)
        self._shown = Content("")

    @property
    def text(self) -> str:
        """What it says, without styles."""
        return self._shown.plain

    def show(self, content: Content) -> None:
        """Show this."""
        if not content.is_same(self._shown):
            # Nothing takes no line at all.
            is_same_height = bool(content.plain) == bool(self._shown.plain) and (
                content.plain.count("\n") == self._shown.plain.count("\n")
            )
            self._shown = content
            self.update(content, layout=not is_same_height)
