"""Telling a process from another one that was given the same pid later."""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

MARKER = "EARTHGAZER_STACK_ID"
"""Environment variable that every process of a stack inherits; its value is that stack's random id."""

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: its pid and when it was started."""

    pid: int
    """Process id."""
    started: str
    """Start time to the tick and the boot it counts from, so that no set clock can blur it."""

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return who has that pid now; None if nobody, or only a dead child not yet collected."""
        started = _started(pid)
        return cls(pid, started) if started else None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the identity written as JSON."""
        return cls(int(value["pid"]), str(value["started"]))

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return _started(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this very process, if it still runs."""
        if self.is_alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def end(identities: Iterable[Identity], *steps: tuple[signal.Signals, float]) -> None:
    """End processes: send each signal in turn, and wait its seconds for those who obey."""
    waiting = list(identities)
    for number, patience_s in steps:
        for identity in waiting:
            identity.send(number)
        deadline = time.monotonic() + patience_s
        while (waiting := [identity for identity in waiting if identity.is_alive()]) and (
            time.monotonic() < deadline
        ):
            time.sleep(_POLL_S)


def marked(stack_id: str) -> list[Identity]:
    """Return our running processes that carry that stack's mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARKER) == stack_id:
                found.append(Identity.of(process.pid))
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess, OSError):
            continue  # another user's, or gone meanwhile: in no case ours to end
    return [identity for identity in found if identity is not None]


def _started(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        try:
            # The name, in brackets, may hold anything; state and start time are counted from its end.
            fields = (
                Path(f"/proc/{pid}/stat")
                .read_text(encoding="utf-8", errors="replace")
                .rpartition(")")[2]
                .split()
            )
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return "" if fields[0] in "ZX" else f"{_boot()}:{fields[19]}"
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.NoSuchProcess:
        return ""


@functools.cache
def _boot() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip()
