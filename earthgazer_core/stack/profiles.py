"""Worker profiles: which queues one kind of worker serves, with how many processes, started how."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from earthgazer_core.errors import InvalidInputError

CELERY_APP = "earthgazer_core.celery_app"
"""The app that workers and beat run."""


@dataclass(frozen=True, slots=True)
class WorkerProfile:
    """One kind of worker on the embedded stack."""

    name: str
    """``io``, ``cpu``, …"""
    queues: tuple[str, ...]
    """Queues that it consumes."""
    concurrency: int
    """Processes in its pool where nothing else is said."""

    def command(self, app: str, worker_name: str, concurrency: int | None) -> list[str]:
        """Return the command line of one worker; no secret is on it."""
        # -P: a `redis.py` or the like in the current directory is not imported instead of the library.
        return [
            sys.executable, "-P", "-m", "celery", "-A", app, "worker",
            "-Q", ",".join(self.queues), "-n", f"{worker_name}@%h",
            "--concurrency", str(concurrency or self.concurrency),
            "--pool", "prefork", "-E", "--loglevel", "INFO",
        ]  # fmt: skip


def profile(name: str) -> WorkerProfile:
    """Return the profile of that name.

    Raises:
        InvalidInputError: there is none; the message lists those there are.
    """
    processors = os.cpu_count() or 1
    light = max(2, min(4, processors))
    known = (
        WorkerProfile("io", ("io_queue", "default", "priority", "maintenance"), light),
        WorkerProfile("cpu", ("cpu_queue",), processors),
        WorkerProfile("default", ("default",), light),
        WorkerProfile("priority", ("priority",), light),
        WorkerProfile("maintenance", ("maintenance",), 1),
        WorkerProfile("all", ("io_queue", "cpu_queue", "default", "priority", "maintenance"), processors),
    )
    for one in known:
        if one.name == name:
            return one
    raise InvalidInputError(
        f"no worker profile {name!r}: choose one of {', '.join(one.name for one in known)}"
    )


def beat_command(app: str, schedule: str) -> list[str]:
    """Return the command line of beat."""
    return [
        sys.executable, "-P", "-m", "celery", "-A", app, "beat", "--schedule", schedule, "--pidfile", "",
        "--loglevel", "INFO",
    ]  # fmt: skip
