"""What is to be on the terminal and what is on it, cell by cell, and the way from one to the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import get_character_cell_size as _width
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

from earthgazer_tui.terminal.look import PLAIN, Look, Looks

_WORTH_A_MOVE = 4
"""Cells that are written once more rather than skipped: moving the cursor takes as many bytes."""
_INVISIBLE_ON_BLANKS = ("", "1", "2", "3", "1;2", "1;3", "2;3", "1;2;3")
"""Bold, dim and italic."""

Line = tuple[list[str], list[Look]]
"""Texts and looks of the cells of a line; the second cell of a wide character has an empty text."""


class Picture:
    """The screen as it is wanted, changed by every update, and as it was last sent."""

    def __init__(self, color_system: ColorSystem) -> None:
        self._looks = Looks(color_system)
        self._size = Size(0, 0)
        self._wanted: list[Line] = []
        self._sent: list[Line | None] = []
        self._changed: set[int] = set()

    @property
    def is_changed(self) -> bool:
        """Whether lines were painted since the last frame."""
        return bool(self._changed)

    def forget(self) -> None:
        """Take nothing for granted of what is on the terminal."""
        self._sent = [None] * len(self._wanted)
        self._changed = set(range(len(self._wanted)))

    def take(self, update: CompositorUpdate, size: Size) -> None:
        """Take in what Textual's compositor painted.

        Args:
            update: What it painted.
            size: Size of the terminal.
        """
        if size != self._size:
            self._size = size
            self._wanted = [([" "] * size.width, [PLAIN] * size.width) for _ in range(size.height)]
            self.forget()
        for y, x, strip in _painted(update):
            if 0 <= y < size.height:
                self._put(y, x, strip)

    def frame(self) -> str:
        """Return what makes the terminal show what is wanted; empty where it does already."""
        parts: list[str] = []
        look = PLAIN
        for y in sorted(self._changed):
            texts, looks = self._wanted[y]
            is_on_line = False
            for start, end in _runs(self._wanted[y], self._sent[y]):
                parts.append(f"\x1b[{start + 1}G" if is_on_line else f"\x1b[{y + 1};{start + 1}H")
                for x in range(start, end):
                    if looks[x] is not look and (texts[x] != " " or not _is_blank_in(looks[x], look)):
                        parts.append(looks[x].after(look))
                        look = looks[x]
                    parts.append(texts[x])
                is_on_line = True
            self._sent[y] = (texts.copy(), looks.copy())
        self._changed.clear()
        if parts:
            parts.append(PLAIN.after(look))
        return "".join(parts)

    def _put(self, y: int, x: int, strip: Strip) -> None:
        texts, looks = self._wanted[y]
        width = self._size.width
        if 0 < x < width and not texts[x]:
            # The left half of a wide character can't stay without its right one.
            texts[x - 1] = " "
        for text, style, control in strip:
            if control or not text:
                continue
            look, blank = self._looks.of(style)
            is_simple = text.isascii() or all(_width(character) == 1 for character in set(text))
            cells = list(text) if is_simple else list(_cells(text))
            end = min(width, x + len(cells))
            cells = cells[: end - x]
            texts[x:end] = cells
            looks[x:end] = [blank if cell == " " else look for cell in cells]
            x = end
        if x < width and not texts[x]:
            texts[x] = " "
        self._changed.add(y)


def _painted(update: CompositorUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Yield (line, column, strip) of everything that was painted."""
    match update:
        case LayoutUpdate():
            for y, line in enumerate(update.strips, update.region.y):
                yield y, update.region.x, Strip.join(line)
        case ChopsUpdate():
            for y, x1, x2 in update.spans:
                for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                    if strip is not None and x <= x2 and end > x1:
                        yield y, x, strip if end <= x2 else strip.crop(0, x2 - x)
        case _:
            raise TypeError(type(update).__name__)


def _cells(text: str) -> Iterator[str]:
    """Yield the cells of a text; what has no width of its own belongs to the character before."""
    pending = ""
    for character in text:
        width = _width(character)
        if width == 0:
            pending += character
            continue
        if pending:
            yield pending
            yield from _rest(pending)
        pending = character
    if pending:
        yield pending
        yield from _rest(pending)


def _rest(cell: str) -> Sequence[str]:
    return ("",) * (_width(cell[0]) - 1)


def _is_blank_in(blank: Look, look: Look) -> bool:
    """Whether a blank may as well be written in a look that text has."""
    return (
        blank.background == look.background
        and not (blank.attributes or look.link)
        and look.attributes in _INVISIBLE_ON_BLANKS
    )


def _runs(wanted: Line, sent: Line | None) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the cells that differ, those close to each other together."""
    texts, looks = wanted
    if sent is None:
        yield 0, len(texts)
        return
    were_texts, were_looks = sent
    if texts == were_texts and looks == were_looks:
        return
    start = end = -1
    for x, text in enumerate(texts):
        if text == were_texts[x] and looks[x] == were_looks[x]:
            continue
        if start < 0:
            start = x
        elif x - end > _WORTH_A_MOVE:
            yield _whole(texts, start), end
            start = x
        end = x + 1
    while end < len(texts) and not texts[end]:
        end += 1
    if start >= 0:
        yield _whole(texts, start), end


def _whole(texts: Sequence[str], start: int) -> int:
    """Return where the character begins whose cell this is."""
    while start > 0 and not texts[start]:
        start -= 1
    return start
