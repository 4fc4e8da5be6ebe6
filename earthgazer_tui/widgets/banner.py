"""The line that tells what is down, shown only while something is."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Banner(Static):
    """One line across the screen; takes no room while it has nothing to say."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Banner { display: none; height: auto; max-height: 3; width: 1fr; padding: 0 1; text-style: bold; }
    Banner.-warning { display: block; background: $warning-muted; color: $text-warning; }
    Banner.-error { display: block; background: $error-muted; color: $text-error; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._text = ""
        self._severity = ""

    @property
    def text(self) -> str:
        """What it says; empty while it is hidden."""
        return self._text

    def show_text(self, text: str, severity: str = "error") -> None:
        """Say this, or nothing where the text is empty.

        Args:
            text: One line or a few.
            severity: ``error`` or ``warning``.
        """
        severity = severity if text else ""
        if (text, severity) == (self._text, self._severity):
            return
        self._text, self._severity = text, severity
        self.update(Content("\n".join(f"! {line}" for line in text.splitlines())))
        self.set_class(severity == "error", "-error")
        self.set_class(severity == "warning", "-warning")
