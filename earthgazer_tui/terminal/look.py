"""How a cell looks, in the terminal's own codes."""

from __future__ import annotations

from dataclasses import dataclass

from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

_KEPT = 4096
_SHOWS_ON_BLANKS = ("underline", "underline2", "strike", "overline", "reverse", "frame", "encircle", "blink")


@dataclass(frozen=True, slots=True)
class Look:
    """Attributes and colours, each as the codes of an SGR sequence; empty for the terminal's default."""

    attributes: str = ""
    """Bold, underlined and the like."""
    foreground: str = ""
    """Colour of the text."""
    background: str = ""
    """Colour behind it."""
    link: str = ""
    """Where a hyperlink goes."""

    def after(self, before: Look) -> str:
        """Return what turns the look before into this one."""
        codes = self._codes_after(before)
        sgr = f"\x1b[{codes}m" if codes is not None else ""
        if self.link != before.link:
            return f"{sgr}\x1b]8;;{self.link}\x1b\\"
        return sgr

    def _codes_after(self, before: Look) -> str | None:
        if self.attributes != before.attributes:
            return ";".join(code for code in ("0", self.attributes, self.foreground, self.background) if code)
        codes = []
        if self.foreground != before.foreground:
            codes.append(self.foreground or "39")
        if self.background != before.background:
            codes.append(self.background or "49")
        return ";".join(codes) if codes else None


PLAIN = Look()
"""The terminal's default."""


class Looks:
    """Looks by style, worked out once each, with what of them shows where there is nothing but a blank."""

    def __init__(self, color_system: ColorSystem) -> None:
        self._color_system = color_system
        self._known: dict[Style | None, tuple[Look, Look]] = {None: (PLAIN, PLAIN)}

    def of(self, style: Style | None) -> tuple[Look, Look]:
        """Return (look of text, look of blanks) in a style."""
        found = self._known.get(style)
        if found is None:
            if len(self._known) >= _KEPT:
                self._known = {None: (PLAIN, PLAIN)}
            assert style is not None  # noqa: S101 - None is known
            found = self._known[style] = self._work_out(style)
        return found

    def _work_out(self, style: Style) -> tuple[Look, Look]:
        foreground, background = (
            "" if colour is None else ";".join(colour.downgrade(self._color_system).get_ansi_codes(is_text))
            for colour, is_text in ((style.color, True), (style.bgcolor, False))
        )
        attributes = Strip.render_ansi(style.without_color, self._color_system)
        look = Look(attributes, foreground, background, style.link or "")
        if look.link or any(getattr(style, name) for name in _SHOWS_ON_BLANKS):
            return look, look
        return look, Look(background=background)
