"""An emulator's screen that ignores sequences that mean nothing, as terminals do, and tells which."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

import pyte
from wcwidth import wcwidth

_ERASES: Final = {"erase_in_display": (0, 1, 2, 3), "erase_in_line": (0, 1, 2)}
_MOST_KEPT: Final = 100


class LenientScreen(pyte.Screen):
    """Stays whole whatever is written to it.

    A program whose terminal took nothing has what waits there thrown away, from the middle of one sequence
    to the middle of another: together they are one that means nothing. pyte raises a ``TypeError`` at those.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self.ignored: list[str] = []
        """The first hundred of them: what they begin to say, parameters, ``private`` where marked so."""
        super().__init__(columns, lines)

    @property
    def display(self) -> list[str]:
        """The lines; pyte's own fails at a wide character of which one half is overwritten."""
        return [self._line(y) for y in range(self.lines)]

    def _line(self, y: int) -> str:
        row, found, x = self.buffer[y], [], 0
        while x < self.columns:
            # A right half without its left one shows nothing.
            character = row[x].data or " "
            found.append(character)
            x += 2 if wcwidth(character[0]) == 2 and x + 1 < self.columns and not row[x + 1].data else 1
        return "".join(found)

    def ignore(self, name: str, parameters: tuple[int, ...], is_private: bool) -> None:
        """Keep what was not understood."""
        if len(self.ignored) < _MOST_KEPT:
            self.ignored.append(f"{name} {parameters}{' private' if is_private else ''}")


def _lenient(name: str) -> Callable[..., Any]:
    """Return a method of pyte's that ignores what it has no parameters for."""
    method = getattr(pyte.Screen, name)
    kinds = [one.kind for one in list(inspect.signature(method).parameters.values())[1:]]
    most = sum(kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)
    takes_any = inspect.Parameter.VAR_POSITIONAL in kinds
    takes_private = inspect.Parameter.VAR_KEYWORD in kinds
    if name == "erase_in_line":
        most, takes_private = 1, True

    @functools.wraps(method)
    def take(screen: LenientScreen, *args: int, **kwargs: Any) -> Any:
        is_known = not args or args[0] in _ERASES.get(name, args)
        is_private = bool(kwargs.get("private"))
        if is_known and (takes_any or len(args) <= most) and (takes_private or not is_private):
            return method(screen, *args, **kwargs)
        screen.ignore(name, args, is_private)
        return None

    return take


for _name in sorted(set(pyte.Stream.csi.values())):
    setattr(LenientScreen, _name, _lenient(_name))
