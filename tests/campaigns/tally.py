"""What a campaign did and what survived it, printed as it goes."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence


class Tally:
    """Counts what was tried and keeps what went wrong."""

    def __init__(self, name: str, *, is_quiet: bool = False) -> None:
        self.name = name
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self._began = time.monotonic()
        self._is_quiet = is_quiet

    def did(self, what: str, times: int = 1) -> None:
        """Count something that was tried."""
        self.done[what] += times

    def say(self, line: str) -> None:
        """Print a line."""
        if not self._is_quiet:
            print(f"{time.monotonic() - self._began:6.1f} s  {line}", flush=True)

    def fault(self, what: str) -> None:
        """Keep something that went wrong."""
        self.faults.append(what)
        self.say(f"FAULT {what[:600]}")

    def check(self, is_well: object, what: str) -> None:
        """Count a check, and keep it as a fault if it isn't well."""
        self.did("checks")
        if not is_well:
            self.fault(what)

    def end(self) -> int:
        """Print the outcome and return the exit code."""
        for what, times in sorted(self.done.items()):
            self.say(f"{times:>8} {what}")
        self.say(f"{self.name}: {'survived' if not self.faults else f'{len(self.faults)} faults'}")
        return 1 if self.faults else 0


def arguments(description: str, seconds: float, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return ``seconds`` and ``seed`` of the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="longest time for what is drawn at random"
    )
    parser.add_argument("--seed", type=int, default=1, help="repeats a run")
    return parser.parse_args(sys.argv[1:] if argv is None else argv)
