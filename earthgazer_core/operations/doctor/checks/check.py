"""What a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from earthgazer_core.operations.doctor.finding import Finding
from earthgazer_core.operations.doctor.observations import Observations


@dataclass(frozen=True, slots=True)
class Check:
    """One question to one look at the fleet."""

    id: str
    """Stable id, ``queue-without-consumer``."""
    question: str
    """What it asks, for people."""
    examine: Callable[[Observations], Iterable[Finding]]
    """Returns what is wrong; nothing where all is well, or nothing could be seen."""


def counted(number: int, noun: str) -> str:
    """Return ``1 message``, ``3 messages``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def span(seconds: float) -> str:
    """Return a time span for people, ``45 s``, ``3.5 min``, ``2.0 h``."""
    for unit, length in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if abs(seconds) >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s" if abs(seconds) >= 10 else f"{seconds:.1f} s"


def size(number: float) -> str:
    """Return a number of bytes for people, ``3.2 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def listed(names: Iterable[str], most: int = 3) -> str:
    """Return some names and how many more there are."""
    everyone = sorted(set(names))
    more = len(everyone) - most
    return ", ".join(everyone[:most]) + (f" and {more} more" if more > 0 else "")
