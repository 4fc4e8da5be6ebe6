"""Our app with tasks that kill what they run in, as a worker starts it, from its environment."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import Task

from earthgazer_core.celery_app import make_app
from earthgazer_core.errors import RemoteUnavailableError
from earthgazer_core.tasks.base import EarthGazerTask
from tests.core.recorder.foreign_app import journal

DIRECTORY = Path(os.environ["DYING_DIRECTORY"])

app = make_app()


def _begin(name: str) -> bool:
    """Note that a task began, wait to be told, and return whether it may live."""
    journal(DIRECTORY, name)
    begun = (DIRECTORY / "journal").read_text().splitlines().count(name)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (DIRECTORY / "live").exists():
            return True
        if (DIRECTORY / f"die{begun}").exists():
            return False
        time.sleep(0.01)
    raise TimeoutError("nobody said what to do")


@app.task(name="earthgazer.default.die_alone", base=EarthGazerTask, bind=True, shared=False)
def die_alone(self: Task[..., Any], flaky: int = 0) -> str:
    if self.request.retries < flaky:
        raise RemoteUnavailableError("try later")
    if not _begin("alone"):
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@app.task(name="earthgazer.default.die_with_worker", base=EarthGazerTask, shared=False)
def die_with_worker() -> str:
    if not _begin("worker"):
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@app.task(name="earthgazer.default.die_both_ways", base=EarthGazerTask, shared=False)
def die_both_ways() -> str:
    if not _begin("both"):
        if (DIRECTORY / "alone").exists():
            os.kill(os.getppid(), signal.SIGKILL)
        (DIRECTORY / "alone").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"
