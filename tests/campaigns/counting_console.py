"""The console as it is, which also writes what it counted into a file, on SIGUSR1."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

from earthgazer_tui.__main__ import main
from earthgazer_tui.fleet.live.events_state import EventsState

COUNTS = ("events", "ended", "failed", "shed", "malformed", "evicted", "gaps")


def run(path: Path) -> None:
    """Run the console; what it counts goes to the file."""
    states: list[EventsState] = []
    begin = EventsState.__init__

    def noted(self: EventsState, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        states.append(self)

    def tell(*_: object) -> None:
        state = states[-1]
        told = {name: getattr(state, name) for name in COUNTS} | {"tasks": len(state.tasks)}
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps(told), encoding="utf-8")
        scratch.replace(path)

    EventsState.__init__ = noted  # type: ignore[method-assign]
    signal.signal(signal.SIGUSR1, tell)
    main()


if __name__ == "__main__":
    run(Path(sys.argv.pop(1)))
