"""A small picture in half-blocks: two pixels a cell, no data told by a pattern of its own."""

from __future__ import annotations

from functools import lru_cache

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from earthgazer_tui.fleet.models import Preview

_NODATA = (38, 38, 48)
"""Background of cells half of which are no data."""
_STEP = 8
"""Steps of a colour channel."""
_OPAQUE = 128
"""Least mean alpha of a pixel that is drawn."""
_MOST_ZOOM = 4
"""Times that a small picture is enlarged at most."""

_GAP = 2
"""Cells between two pictures."""

Pixel = tuple[int, int, int] | None
"""Red, green and blue; None where there is no data."""


def fitted_size(preview: Preview, width: int, height: int) -> tuple[int, int]:
    """Return (columns, rows) of pixels that fit a room of cells, the aspect kept; two rows make a cell."""
    if not preview.width or not preview.height:
        return 0, 0
    scale = min(width / preview.width, 2 * height / preview.height, float(_MOST_ZOOM))
    if scale > 1:
        scale = float(int(scale))
    rows = max(2, round(preview.height * scale / 2) * 2)
    return max(1, round(preview.width * scale)), min(rows, 2 * height)


def resampled(preview: Preview, columns: int, rows: int) -> list[list[Pixel]]:
    """Return the picture in another size, each pixel the mean of the opaque ones that it covers.

    A pixel is no data where less than half of what it covers is opaque.
    """
    data, width = preview.rgba, preview.width
    picture: list[list[Pixel]] = []
    for row in range(rows):
        top = row * preview.height // rows
        bottom = max(top + 1, (row + 1) * preview.height // rows)
        line: list[Pixel] = []
        for column in range(columns):
            left = column * width // columns
            right = max(left + 1, (column + 1) * width // columns)
            red = green = blue = opaque = 0
            for y in range(top, bottom):
                for at in range(4 * (y * width + left), 4 * (y * width + right), 4):
                    if data[at + 3] >= _OPAQUE:
                        red += data[at]
                        green += data[at + 1]
                        blue += data[at + 2]
                        opaque += 1
            covered = (bottom - top) * (right - left)
            line.append((red // opaque, green // opaque, blue // opaque) if 2 * opaque >= covered else None)
        picture.append(line)
    return picture


@lru_cache(maxsize=8)
def draw_preview(preview: Preview, width: int, height: int) -> Content:
    """Return the picture as content of at most this size; cells without data are ``░``."""
    if len(preview.rgba) != 4 * preview.width * preview.height:
        return Content.styled("the stored preview is damaged", "$error")
    columns, rows = fitted_size(preview, width, height)
    if not columns:
        return Content.styled("the stored preview is empty", "$text-muted")
    picture = [[_rounded(pixel) for pixel in line] for line in resampled(preview, columns, rows)]
    parts: list[tuple[str, str]] = []
    for upper, lower in zip(picture[::2], picture[1::2], strict=True):
        if parts:
            parts.append(("\n", ""))
        for pair in zip(upper, lower, strict=True):
            character, style = _cell(*pair)
            if parts and parts[-1][1] == style and style:
                parts[-1] = (parts[-1][0] + character, style)
            else:
                parts.append((character, style))
    return Content.assemble(*parts)


def _cell(upper: Pixel, lower: Pixel) -> tuple[str, str]:
    """Return the character and style of two pixels, one above the other."""
    if upper is None and lower is None:
        return "░", f"#5a5a66 on {_hex(_NODATA)}"
    if upper == lower and upper is not None:
        return "█", _hex(upper)
    return "▀", f"{_hex(upper or _NODATA)} on {_hex(lower or _NODATA)}"


def _rounded(pixel: Pixel) -> Pixel:
    """Return a pixel in steps of :data:`_STEP`: neighbours that become equal cost no colour code."""
    if pixel is None:
        return None
    red, green, blue = (min(255, (channel + _STEP // 2) // _STEP * _STEP) for channel in pixel)
    return red, green, blue


def _hex(pixel: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*pixel)


def beside(left: Content, right: Content, gap: int) -> Content:
    """Return two pictures side by side, the left one filled up to its width."""
    lefts, rights = left.split("\n", allow_blank=True), right.split("\n", allow_blank=True)
    width = max(line.cell_length for line in lefts)
    blank = Content("")
    lines = []
    for place in range(max(len(lefts), len(rights))):
        first = lefts[place] if place < len(lefts) else blank
        second = rights[place] if place < len(rights) else blank
        lines.append(first.pad_right(width - first.cell_length + gap) + second)
    return Content("\n").join(lines)


class PreviewPicture(Widget):
    """Draws previews of a capture: side by side where there is room, else the chosen kind."""

    DEFAULT_CSS = """
    PreviewPicture { width: 1fr; height: 1fr; }
    """

    previews: reactive[tuple[Preview, ...]] = reactive(())
    """What there is to draw."""
    kind: reactive[str] = reactive("ndvi")
    """The kind to draw where there is room for one."""

    def render(self) -> Content:
        """Return the pictures under their names, or why there is none."""
        if not self.previews:
            return Content.styled("no preview yet", "$text-muted")
        width, height = self.size.width, self.size.height - 1
        drawn = self._chosen(width, height)
        pictures = [_named(preview, width // len(drawn) - _GAP, height) for preview in drawn]
        return pictures[0] if len(pictures) == 1 else beside(pictures[0], pictures[1], _GAP)

    def _chosen(self, width: int, height: int) -> tuple[Preview, ...]:
        first = next((p for p in self.previews if p.kind == self.kind), self.previews[0])
        others = tuple(p for p in self.previews if p is not first)[:1]
        needed = sum(fitted_size(p, width, height)[0] + _GAP for p in (first, *others))
        return (first, *others) if needed <= width else (first,)


def _named(preview: Preview, width: int, height: int) -> Content:
    name = Content.styled(preview.kind.upper(), "$text-muted")
    return Content("\n").join([name, draw_preview(preview, width, height)])
