"""Five million executions: the queries behind each screen with their plans, and retention beside a writer."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from earthgazer_core.db import migrations
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.actions import list_actions
from earthgazer_core.operations.counts import count_by_state
from earthgazer_core.operations.dead_letters import list_dead_letters
from earthgazer_core.operations.executions import list_executions, show_execution
from earthgazer_core.operations.failures import list_failure_groups
from earthgazer_core.operations.filter import parse
from earthgazer_core.operations.queues.rates import queue_rates
from earthgazer_core.operations.runs import list_runs, show_run
from earthgazer_core.operations.search import search_executions
from earthgazer_core.settings import DatabaseSettings
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_tui.fleet.live.badges import count
from earthgazer_tui.fleet.live.capture_detail import show_capture
from earthgazer_tui.fleet.live.captures import list_captures
from earthgazer_tui.fleet.live.history import read_history
from earthgazer_tui.fleet.live.locations import list_freshness
from earthgazer_tui.fleet.live.tasks import list_failed
from tests.benchmarks import prune_load
from tests.benchmarks.figure import Figure
from tests.benchmarks.history_rows import fill
from tests.benchmarks.plans import explain, statements_of

EXECUTIONS = 5_000_000
TIMES = 20
_LONG_S = 20.0
"""What takes long is not asked twenty times."""
_BUDGET_MS = 50.0

Look = Callable[[Session], Any]


def run(*, quick: bool) -> Iterator[Figure]:
    """Fill a database, look at it as each screen does, and prune it while somebody writes."""
    with tempfile.TemporaryDirectory(prefix="eg-bench-", dir="/tmp") as directory:
        server = PostgresServer(Path(directory), is_durable=False, dies_with_parent=True)
        server.start()
        try:
            settings = DatabaseSettings(url=SecretStr(server.url))
            engine = make_engine(settings)
            migrations.upgrade(engine)
            executions = 50_000 if quick else EXECUTIONS
            began = time.monotonic()
            fill(engine, executions)
            yield Figure(
                "filling", time.monotonic() - began, "s", note=f"{executions:,} executions, {_size(engine)}"
            )
            yield from looks(engine, times=3 if quick else TIMES)
            yield from prune_load.figures(engine, seconds=3.0 if quick else 30.0)
            engine.dispose()
        finally:
            server.stop()


def looks(engine: Engine, times: int) -> Iterator[Figure]:
    """Yield what each look takes."""
    database = Database(engine)
    for name, look in _looks(engine):
        try:
            with statements_of(engine) as looked, database.session() as session:
                look(session)
        except RefusedError as error:
            yield Figure(name, math.inf, "ms", note=str(error))
            continue
        took: list[float] = []
        while len(took) < times and (not took or sum(took) + took[-1] < _LONG_S * 1000):
            began = time.perf_counter()
            with database.session() as session:
                look(session)
            took.append((time.perf_counter() - began) * 1000)
        indexes, scanned, server_ms = explain(engine, looked)
        took.sort()
        p50, p95 = (took[min(len(took) - 1, int(len(took) * share))] for share in (0.5, 0.95))
        plan = ", ".join(indexes) or "no index"
        note = f"p50 {p50:.1f} ms of {len(took)}, server {server_ms:.1f} ms; {plan}" + (
            f"; WHOLE {', '.join(scanned)}" if scanned else ""
        )
        yield Figure(name, p95, "ms", _BUDGET_MS if name in _BUDGETED else None, note=note)


_BUDGETED = ("last 200 failures (console)", "last 200 failures (command line)", "counts by state")


def _looks(engine: Engine) -> Iterator[tuple[str, Look]]:
    with engine.connect() as connection:
        task_id, run_id = connection.execute(
            text("select task_id, run_id from earthgazer.task_executions where state = 'SUCCESS'"
                 " order by updated_at desc limit 1")
        ).one()  # fmt: skip
    yield "last 200 failures (console)", partial(list_failed, limit=200)
    yield "last 200 failures (command line)", partial(list_executions, states=("FAILURE",), limit=200)
    yield "counts by state", count_by_state
    yield "badges, once a second", lambda session: count(session, [])
    yield "queue rates", queue_rates
    yield "failure groups", list_failure_groups
    yield "dead letters", list_dead_letters
    yield "task detail", partial(show_execution, task_id=task_id)
    for line in (
        "", "since:2h", "state:failure", "state:failure since:24h", "state:running", "name:compute_ndvi",
        "queue:cpu_queue since:1h", "worker:cpu1", "capture:12", f"run:{run_id}", f"id:{task_id}",
        "runtime:>30 since:24h", "error:Timeout", "before:7d",
    ):  # fmt: skip
        yield f"tasks list, {line or 'no filter'}", partial(search_executions, filter_=parse(line), limit=500)
    for words, span in (("1 h", 1), ("24 h", 24), ("30 d", 720)):
        yield f"history over {words}", partial(_history, hours=span)
    yield "runs list", list_runs
    yield "run detail", partial(show_run, run_id=run_id)
    yield "captures list", list_captures
    yield "capture detail", partial(show_capture, capture_id=1)
    yield "freshness", list_freshness
    yield "audit", list_actions


def _history(session: Session, hours: int) -> Any:
    return read_history(session, timedelta(hours=hours), "task", with_times=False)


def _size(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(text("select pg_size_pretty(pg_database_size(current_database()))")))
