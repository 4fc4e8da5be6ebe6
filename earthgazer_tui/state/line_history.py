"""Command lines entered in one sitting."""

from __future__ import annotations

KEPT = 200
"""Lines that are remembered."""


class LineHistory:
    """Goes back and forth through former lines; the one being typed is kept at the end."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._place = 0
        self._typed = ""

    def add(self, line: str) -> None:
        """Remember a line as the newest, and be at the end again."""
        if line in self._lines:
            self._lines.remove(line)
        self._lines = [*self._lines, line][-KEPT:]
        self.rewind()

    def rewind(self) -> None:
        """Be at the end, where nothing is typed yet."""
        self._place = len(self._lines)
        self._typed = ""

    def older(self, typed: str) -> str:
        """Return the line before, the oldest again where there is none.

        Args:
            typed: What stands in the line now.
        """
        if self._place == len(self._lines):
            self._typed = typed
        self._place = max(0, self._place - 1)
        return self._lines[self._place] if self._lines else typed

    def newer(self, typed: str) -> str:
        """Return the line after, at the end what was being typed.

        Args:
            typed: What stands in the line now.
        """
        if self._place >= len(self._lines):
            return typed
        self._place += 1
        return self._lines[self._place] if self._place < len(self._lines) else self._typed
