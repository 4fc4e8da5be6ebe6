"""Retention over a large history, beside a writer that must not notice it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import Engine

from earthgazer_core.db.session import Database
from earthgazer_core.operations.retention import Pruned, prune
from earthgazer_core.recorder.batch import Batch
from earthgazer_core.recorder.store import connector, write
from earthgazer_core.settings import RetentionSettings
from tests.benchmarks.figure import Figure

_TASKS = 20
"""Of one batch: a busy process writes so many in a quarter of a second."""
_SETTINGS = RetentionSettings(successes_days=10, details_days=3, failures_days=20)


def figures(engine: Engine, *, seconds: float) -> Iterator[Figure]:
    """Write as the recorder does, at first alone, then while history is pruned."""
    alone = _writing(engine, seconds, None)
    done = Pruned()

    def work() -> None:
        nonlocal done
        done = prune(Database(engine), _SETTINGS, longest_s=seconds)

    began = time.monotonic()
    beside = _writing(engine, seconds, work)
    took_s = time.monotonic() - began
    yield Figure(
        "retention, executions deleted", done.executions / took_s, "rows/s",
        note=f"{done.summary}; {done.busy} batches gave way",
    )  # fmt: skip
    for name, share in (("median", 0.5), ("p99", 0.99), ("longest", 1.0)):
        yield Figure(
            f"a writer's batch of {_TASKS} tasks beside retention, {name}", _at(beside, share), "ms",
            peer="alone", peer_value=_at(alone, share),
        )  # fmt: skip


def _writing(engine: Engine, seconds: float, work: Callable[[], None] | None) -> list[float]:
    """Return the milliseconds of each batch, written until the time is over and the work is done."""
    thread = None if work is None else threading.Thread(target=work)
    connection = connector(engine.url, 5)()
    took: list[float] = []
    if thread is not None:
        thread.start()
    deadline = time.monotonic() + seconds
    for n in count():
        if time.monotonic() > deadline and not (thread is not None and thread.is_alive()):
            break
        batch, at = Batch(), datetime.now(UTC)
        for k in range(_TASKS):
            task_id = f"written-{id(took)}-{n}-{k}"
            told = {"task_id": task_id, "state": "SUCCESS", "attempt": 1}
            batch.add("changes", {**told, "at": at})
            row = {
                **told,
                "name": "app.a",
                "state_order": 16,
                "retries": 0,
                "updated_at": at,
                "finished_at": at,
            }
            batch.add("executions", row)
        began = time.monotonic()
        write(connection, batch)
        took.append((time.monotonic() - began) * 1000)
        time.sleep(0.01)
    connection.close()
    if thread is not None:
        thread.join()
    return sorted(took)


def _at(took: list[float], share: float) -> float:
    return took[min(len(took) - 1, int(len(took) * share))]
