"""What a terminal shows, text alone: a fraction of an emulator's work, so that it keeps up with any load."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

from rich.cells import cell_len

_TOKEN = re.compile(
    r"\x1b\[(?P<row>\d*);?(?P<column>\d*)H"
    r"|\x1b\[(?P<place>\d+)G"
    r"|\x1b\[[0-9;:?>=<$ ]*(?P<final>[@-~])"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[^\[\]]"
    r"|(?P<line>[\r\n])"
    r"|(?P<text>[^\x1b\r\n]+)"
)
_INCOMPLETE = re.compile(r"\x1b(?:\[[0-9;:?>=<$ ]*|\][^\x07\x1b]*\x1b?)?$")


class Glass:
    """The lines of a terminal, changed by what is written to it."""

    def __init__(self, columns: int, lines: int) -> None:
        self._columns = columns
        self._lines = [[" "] * columns for _ in range(lines)]
        self._x = self._y = 0
        self._rest = ""
        self._decode = getincrementaldecoder("utf-8")("replace").decode

    def feed(self, data: bytes) -> None:
        """Take in what was written."""
        text = self._rest + self._decode(data)
        cut = _INCOMPLETE.search(text)
        self._rest = "" if cut is None else cut[0]
        for token in _TOKEN.finditer(text if cut is None else text[: cut.start()]):
            if (written := token["text"]) is not None:
                self._write(written)
            elif token["row"] is not None:
                self._y, self._x = int(token["row"] or 1) - 1, int(token["column"] or 1) - 1
            elif token["place"] is not None:
                self._x = int(token["place"]) - 1
            elif token["line"] == "\r":
                self._x = 0
            elif token["line"] == "\n":
                self._y += 1
            elif token["final"] == "J":
                for line in self._lines:
                    line[:] = [" "] * self._columns

    def _write(self, text: str) -> None:
        if not 0 <= self._y < len(self._lines):
            return
        line = self._lines[self._y]
        cells = list(text) if text.isascii() else [cell for one in text for cell in _cells(one)]
        end = min(self._columns, self._x + len(cells))
        line[self._x : end] = cells[: end - self._x]
        self._x = end

    def line(self, y: int) -> str:
        """Return one line."""
        return "".join(self._lines[y])

    def text(self) -> str:
        """Return all lines."""
        return "\n".join("".join(line).rstrip() for line in self._lines)


def _cells(character: str) -> tuple[str, ...]:
    width = cell_len(character)
    return (character, *("",) * (width - 1)) if width else ()
