"""How every scripted verb answers: from attributes, remembering what was asked."""

from __future__ import annotations

from typing import Any

from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.models import ActionResult
from tests.tui import builders


class ScriptedVerbs:
    """:attr:`calls` lists each changing verb with its arguments, :attr:`asked` each that looks.

    ``errors[verb]`` makes that verb raise; ``results[verb]`` is what a changing verb returns.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.results: dict[str, ActionResult] = {}
        self.errors: dict[str, FleetError] = {}
        self.asked: list[tuple[Any, ...]] = []

    def _ask(self, *question: Any) -> None:
        self.asked.append(question)
        self._raise(question[0])

    def _do(self, *call: Any) -> ActionResult:
        self._raise(call[0])
        self.calls.append(call)
        return self.results.get(call[0], builders.done(f"{call[0]} done"))

    def _raise(self, verb: str) -> None:
        if verb in self.errors:
            raise self.errors[verb]
