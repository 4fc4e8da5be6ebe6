"""A journal of seeds, one JSON line each, by which a campaign is gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one seed."""

    seed: int
    captures: int
    seconds: float
    """From an empty directory to an empty directory."""
    settled_s: float
    """From the last fault to the end of all work."""
    done: Mapping[str, int]
    """Faults that hit somebody, by name."""
    failed: Mapping[str, int]
    """Failures that an operator retried, by kind."""
    republished: int
    """Lost messages that came back from the record."""
    checks: int
    faults: tuple[str, ...] = field(default=())
    """What went wrong."""


class Journal:
    """What is known of seeds; the last word on each counts."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[int, Outcome] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                value: dict[str, Any] = json.loads(line)
                outcome = Outcome(**{**value, "faults": tuple(value["faults"])})
                self._known[outcome.seed] = outcome

    def add(self, outcome: Outcome) -> None:
        """Write an outcome down."""
        self._known[outcome.seed] = outcome
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")

    def survived(self, seed: int, captures: int) -> bool:
        """Whether a seed was survived before, with that many captures."""
        known = self._known.get(seed)
        return known is not None and not known.faults and known.captures == captures

    def table(self, seeds: Iterable[int]) -> list[str]:
        """Return the outcomes of these seeds as lines."""
        lines = [" seed captures     s settled harm failed  lost checks  outcome"]
        for seed in seeds:
            one = self._known.get(seed)
            if one is None:
                continue
            outcome = f"{len(one.faults)} faults: {one.faults[0][:90]}" if one.faults else "survived"
            lines.append(
                f"{one.seed:>5} {one.captures:>8} {one.seconds:>5.0f} {one.settled_s:>7.0f}"
                f" {sum(one.done.values()):>4} {sum(one.failed.values()):>6} {one.republished:>5}"
                f" {one.checks:>6}  {outcome}"
            )
        return lines
