"""Fixtures of the console's tests: nothing in it may block the event loop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from tests.tui.scripted_fleet import ScriptedFleet


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail on a call that blocks the event loop, made by the console's own code."""
    with blockbuster_ctx("earthgazer_tui") as guard:
        # Textual reads stylesheets on the loop, once for each screen.
        for name in ("os.stat", "os.path.abspath"):
            if name in guard.functions:
                guard.functions[name].deactivate()
        for name in ("io.TextIOWrapper.read", "io.BufferedReader.read"):
            if name in guard.functions:
                guard.functions[name].can_block_in("textual/css/stylesheet.py", "read")
        # A screen's module is read when it is shown for the first time.
        for function in guard.functions.values():
            function.can_block_in("<frozen importlib._bootstrap>", "_find_and_load")
        yield guard


@pytest.fixture(autouse=True)
def terminal_of_many_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let colours not depend on the terminal that the tests run in."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def fleet() -> ScriptedFleet:
    """Return a healthy, idle fleet."""
    return ScriptedFleet()
