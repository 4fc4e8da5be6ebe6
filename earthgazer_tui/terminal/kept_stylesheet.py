"""A stylesheet that parses no text twice."""

from __future__ import annotations

from collections.abc import Mapping

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

_KEPT = 1024
"""More texts of CSS than there are: one a screen, one a class of widgets."""


class KeptStylesheet(Stylesheet):
    """Keeps what it has parsed for as long as the variables are the same.

    Textual parses all CSS anew, two or three times, whenever a screen brings some of its own: tens of
    milliseconds between a key and the screen that it opens for the first time.
    """

    def __init__(self, *, variables: Mapping[str, str]) -> None:
        super().__init__(variables=dict(variables))
        self._parse_cache = LRUCache(_KEPT)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Set the variables; the same ones again change nothing."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Parse what was not parsed yet; of texts that can't be read nothing is taken."""
        self.parse()
