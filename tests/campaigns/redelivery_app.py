"""The product's app with tasks that take long or take memory, as the campaign's workers start it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from earthgazer_core.celery_app import make_app
from earthgazer_core.tasks.base import EarthGazerTask
from tests.core.recorder.foreign_app import journal

DIRECTORY = Path(os.environ["REDELIVERY_DIRECTORY"])
_PIECE_BYTES = 16 * 1024 * 1024
_PIECES = 64

app = make_app()
if visibility_s := os.environ.get("REDELIVERY_VISIBILITY_S"):
    # Below what the settings allow: nobody wants to wait for longer than the longest task may take.
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options, "visibility_timeout": float(visibility_s),
    }  # fmt: skip


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


@app.task(name="earthgazer.default.gather", base=EarthGazerTask, shared=False)
def gather(results: Sequence[str], word: str) -> list[str]:
    """Be the body of a chord."""
    journal(DIRECTORY, f"gather {word}")
    return list(results)
