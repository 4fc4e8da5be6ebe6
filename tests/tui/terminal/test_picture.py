"""The picture: a terminal fed with frames shows what one fed with everything shows."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyte
import pytest
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region, Size
from textual.strip import Strip

from earthgazer_tui.terminal.picture import Picture

SIZE = Size(40, 8)
STYLES: Sequence[dict[str, Any]] = (
    {}, {"color": "#d0d0d0", "bgcolor": "#121212"}, {"bold": True, "color": "#ff5f5f", "bgcolor": "#121212"},
    {"reverse": True}, {"color": "#d0d0d0", "bgcolor": "#005f87"}, {"underline": True, "color": "#87af5f"},
    {"color": "red", "bgcolor": "default"},
)  # fmt: skip
WORDS = ("cpu1@field", "  ", "   ", "✓ done", "▁▂▃▄", "NDVI", "東京", "0.2s", "é", "·", "─────")


@dataclass
class Twin:
    """Two terminals: one is sent everything that is painted, the other frames of a picture."""

    colours: ColorSystem

    def __post_init__(self) -> None:
        self.picture = Picture(self.colours)
        self.plain, self.framed = pyte.Screen(*SIZE), pyte.Screen(*SIZE)
        self.console = Console(color_system="truecolor")
        self.console._color_system = self.colours
        # Styles remember their codes, and Rich the segments that it split, but here colours change.
        Segment._split_cells.cache_clear()
        self.styles = tuple(Style(**style) for style in STYLES)
        self.bytes_plain = self.bytes_framed = 0

    def paint(self, update: CompositorUpdate) -> None:
        text = update.render_segments(self.console).replace("\n", "\r\n")
        self.bytes_plain += len(text.encode())
        pyte.Stream(self.plain).feed(text)
        self.picture.take(update, SIZE)

    def send(self) -> str:
        frame = self.picture.frame()
        self.bytes_framed += len(frame.encode())
        pyte.Stream(self.framed).feed(frame)
        return frame

    def assert_same(self) -> None:
        assert self.framed.display == self.plain.display
        for y in range(SIZE.height):
            for x in range(SIZE.width):
                ours, theirs = self.framed.buffer[y][x], self.plain.buffer[y][x]
                if theirs.data == " " and not (theirs.reverse or theirs.underscore):
                    assert (ours.bg, ours.reverse, ours.underscore) == (theirs.bg, False, False)
                else:
                    assert ours == theirs, (x, y)


def strip(twin: Twin, source: random.Random, cells: int) -> Strip:
    segments: list[Segment] = []
    while sum(segment.cell_length for segment in segments) < cells:
        segments.append(Segment(source.choice(WORDS), source.choice(twin.styles)))
    return Strip(segments).crop(0, cells)


def full(twin: Twin, source: random.Random) -> LayoutUpdate:
    return LayoutUpdate([[strip(twin, source, SIZE.width)] for _ in range(SIZE.height)], SIZE.region)


def partial(twin: Twin, source: random.Random) -> ChopsUpdate:
    """Return an update of some lines, each cut into two chops, as the compositor makes them."""
    lines: Sequence[dict[int, Strip | None]] = [
        {0: strip(twin, source, 20), 20: strip(twin, source, 20)} for _ in range(SIZE.height)
    ]
    rows = sorted(source.sample(range(SIZE.height), 3))
    spans = [(y, *source.choice(((0, 20), (20, 40), (0, 40)))) for y in rows]
    return ChopsUpdate(lines, spans, [[20, 40]] * SIZE.height)


@pytest.mark.parametrize("colours", [ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR])
@pytest.mark.parametrize("seed", range(8))
def test_frames_show_what_was_painted_however_many_updates_they_join(colours: ColorSystem, seed: int) -> None:
    source, twin = random.Random(seed), Twin(colours)
    for _ in range(30):
        twin.paint(full(twin, source) if source.random() < 0.2 else partial(twin, source))
        if source.random() < 0.5:
            twin.send()
    twin.send()
    twin.assert_same()
    assert twin.bytes_framed < twin.bytes_plain


def test_what_is_the_same_is_not_sent_again() -> None:
    twin = Twin(ColorSystem.EIGHT_BIT)
    update = full(twin, random.Random(1))
    twin.paint(update)
    assert twin.send()
    twin.paint(update)
    assert twin.picture.is_changed
    assert twin.send() == ""


def test_all_is_sent_again_to_a_terminal_of_which_nothing_is_known() -> None:
    twin = Twin(ColorSystem.EIGHT_BIT)
    update = full(twin, random.Random(1))
    twin.paint(update)
    twin.send()
    twin.framed.reset()
    twin.picture.forget()
    twin.send()
    twin.assert_same()


def test_one_changed_cell_takes_a_few_bytes() -> None:
    twin = Twin(ColorSystem.EIGHT_BIT)
    before: list[Iterable[Strip]] = [
        [Strip([Segment("depth 41   ".ljust(40), twin.styles[1])])] for _ in range(SIZE.height)
    ]
    twin.paint(LayoutUpdate(before, Region(0, 0, *SIZE)))
    twin.send()
    after = [*before]
    after[3] = [Strip([Segment("depth 42   ".ljust(40), twin.styles[1])])]
    twin.paint(LayoutUpdate(after, Region(0, 0, *SIZE)))
    assert len(twin.send()) < 40
    twin.assert_same()
