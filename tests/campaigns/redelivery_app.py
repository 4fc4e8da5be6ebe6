"""The product's app with tasks that take long, take memory or crash, as the campaign's workers start it."""

from __future__ import annotations

import ctypes
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from earthgazer_core.celery_app import make_app
from earthgazer_core.domain.progress import Progress
from earthgazer_core.tasks.base import EarthGazerTask
from earthgazer_core.tasks.progress import ProgressReporter
from tests.core.recorder.foreign_app import journal

DIRECTORY = Path(os.environ["REDELIVERY_DIRECTORY"])
_PIECE_BYTES = 16 * 1024 * 1024
_PIECES = 64
_ALLOWED_BYTES = 256 * 1024 * 1024

app = make_app()
if visibility_s := os.environ.get("REDELIVERY_VISIBILITY_S"):
    # Below what the settings allow: nobody wants to wait for longer than the longest task may take.
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options, "visibility_timeout": float(visibility_s),
    }  # fmt: skip


resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
_report = ProgressReporter.__call__


def _report_or_crash(self: ProgressReporter, progress: Progress, /) -> None:
    """Die in native code, as a driver does that trusts a file, while bands are read and a raster is made."""
    capture = getattr(self, "_capture_id", None)
    if progress.done and (DIRECTORY / f"crash-{capture}").exists() and any(DIRECTORY.glob("data/work/*/*")):
        journal(DIRECTORY, f"crash {capture}")
        ctypes.string_at(0)
    _report(self, progress)


ProgressReporter.__call__ = _report_or_crash  # type: ignore[method-assign]


@app.task(name="earthgazer.default.linger", base=EarthGazerTask, shared=False)
def linger(word: str, seconds: float) -> str:
    """Take some time."""
    journal(DIRECTORY, f"begin {word}")
    time.sleep(seconds)
    journal(DIRECTORY, f"end {word}")
    return word


@app.task(name="earthgazer.default.eat", base=EarthGazerTask, shared=False)
def eat(word: str) -> str:
    """Take more and more memory, unless somebody has made it modest."""
    journal(DIRECTORY, f"begin {word}")
    if not (DIRECTORY / f"modest-{word}").exists():
        eaten = []
        for _ in range(_PIECES):
            eaten.append(b"x" * _PIECE_BYTES)
            time.sleep(0.02)
        time.sleep(20)
    journal(DIRECTORY, f"end {word}")
    return word


@app.task(name="earthgazer.default.starve", base=EarthGazerTask, shared=False)
def starve(word: str) -> str:
    """Take more memory than the system gives this process, which then refuses instead of killing it."""
    journal(DIRECTORY, f"begin {word} in {os.getpid()}")
    before = resource.getrlimit(resource.RLIMIT_AS)
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + _ALLOWED_BYTES, before[1]))
    try:
        return str(len([b"x" * _PIECE_BYTES for _ in range(_PIECES)]))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@app.task(name="earthgazer.default.gather", base=EarthGazerTask, shared=False)
def gather(results: Sequence[str], word: str) -> list[str]:
    """Be the body of a chord."""
    journal(DIRECTORY, f"gather {word}")
    return list(results)
