"""Keys out of what a terminal sends; one that follows escape at once is a key of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from textual._xterm_parser import XTermParser
from textual.events import Key

_ESCAPE: Final = "\x1b"
_INTRODUCERS: Final = frozenset("[OPX^_]")
"""Letters with which longer sequences begin."""


class BehindEscape(Key):
    """A character that came right behind escape.

    That is how terminals send it with alt held down, and just so do escape and the next key arrive where
    the link, or the machine, is slow. Whoever handles it knows what is bound, and to whom a text belongs.
    """

    def __init__(self, plain: Key, meant: str | None) -> None:
        """Take what was typed.

        Args:
            plain: The character as a key.
            meant: What it does behind escape in a line of text; None where that is nothing.
        """
        modifiers = "alt+shift+" if plain.key.isupper() else "alt+"
        super().__init__(f"{modifiers}{plain.key.lower()}", plain.character)
        self.plain = plain
        self.meant = meant

    def parts(self) -> tuple[Key, Key]:
        """Return escape and the key behind it."""
        return Key("escape", _ESCAPE), self.plain


class KeyParser(XTermParser):
    """Textual's, which would take ``1`` behind escape for ``¡``, and drop escape where ``:`` follows."""

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[Key]:
        """Return what a sequence says; Textual calls this for each that may be one."""
        pair = _ESCAPE + sequence if alt else sequence
        character = pair[1:]
        if len(pair) != 2 or pair[0] != _ESCAPE:
            yield from super()._sequence_to_key_events(sequence)
        elif character.isprintable():
            # Of one with which a sequence may begin, it isn't known before nothing more has come.
            if alt or character not in _INTRODUCERS:
                yield BehindEscape(self._plain(character), self._meaning(pair))
        elif alt:
            yield Key("escape", _ESCAPE)
            yield from super()._sequence_to_key_events(character)
        else:
            yield from super()._sequence_to_key_events(pair)

    def _plain(self, character: str) -> Key:
        keys: Iterator[Key] = iter(super()._sequence_to_key_events(character))
        return next(keys)

    def _meaning(self, pair: str) -> str | None:
        keys = list(super()._sequence_to_key_events(pair))
        return keys[0].key if keys and keys[0].character is None else None
