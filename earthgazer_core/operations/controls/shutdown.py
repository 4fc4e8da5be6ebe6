"""Warm shutdown: a worker takes nothing more, ends what it runs, and goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import redis
from celery.backends.base import DisabledBackend
from celery.exceptions import BackendError
from celery.states import READY_STATES
from kombu.exceptions import KombuError
from sqlalchemy import select

from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.controls.control import WorkerControl
from earthgazer_core.operations.noted import FAILED, noted
from earthgazer_core.operations.workers import ActiveTask, WorkerReport, survey
from earthgazer_core.recorder.order import UNFINISHED

_LOOK_AGAIN_S = 0.3
_STILL_S = 1.0
"""A worker that hears no command for this long has stopped listening for good."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A worker on its way out."""

    worker: str
    """Node name."""
    ran: tuple[ActiveTask, ...]
    """What it ran when it was told."""
    running: tuple[ActiveTask, ...]
    """What of that has not been seen to end."""
    is_listening: bool
    """Whether it still answers commands."""
    elapsed_s: float
    """Seconds since it was told."""

    @property
    def has_left(self) -> bool:
        """Whether it answers no more and all that it ran has ended."""
        return not self.is_listening and not self.running


@dataclass(frozen=True, slots=True)
class ShutdownResult:
    """What became of a shutdown."""

    workers: tuple[Leaving, ...]
    """Workers that were told, as they were seen last."""
    silent: tuple[str, ...]
    """Workers that were not told, since they did not answer."""
    is_volatile: bool = False
    """Whoever supervises them may start them anew."""

    @property
    def is_ok(self) -> bool:
        """Whether all that were meant have left."""
        return not self.silent and all(worker.has_left for worker in self.workers)

    @property
    def summary(self) -> str:
        """One line."""
        left = sum(worker.has_left for worker in self.workers)
        running = sum(len(worker.running) for worker in self.workers)
        words = f"{left} of {len(self.workers) + len(self.silent)} workers have left"
        return f"{words}, {running} tasks still run" if running else words


def shut_down(
    control: WorkerControl,
    workers: str | Sequence[str],
    *,
    broker: RedisBroker | None = None,
    wait_s: float = 60.0,
    even_silent: bool = False,
    on_progress: Callable[[Leaving], None] | None = None,
    is_wanted: Callable[[], bool] = lambda: True,
) -> ShutdownResult:
    """Have workers end warm, and watch what they still run until it has ended.

    A worker that is told answers no more, so the end of its tasks is seen elsewhere: in the broker
    where they are acknowledged late, in the flight recorder, or in the result backend.

    Args:
        control: What to tell workers with.
        workers: Names or patterns.
        broker: The broker, if it is Redis.
        wait_s: Longest time to watch; the shutdown goes on afterwards. 0 returns at once.
        even_silent: Also tell workers that do not answer, such as one that runs a task in a solo pool.
        on_progress: Told of each worker when it was told and whenever something of it has changed.
        is_wanted: Asked again and again; watching ends when it says no.

    Raises:
        NotFoundError: a pattern matches nobody.
        RefusedError: nobody answered.
        ServiceUnavailableError: the broker is away.
    """
    target = {"workers": workers if isinstance(workers, str) else list(workers)}
    with noted(control.database, "worker.shutdown", target, control.context) as note:
        names = control.targets(workers)
        active: dict[str, tuple[ActiveTask, ...]] = {}
        ends = _Ends(control, broker)

        def tell(report: WorkerReport) -> None:
            active[report.hostname] = report.active
            ends.await_all(report.active)
            control.tell(report.hostname, "shutdown")
            if on_progress is not None:
                on_progress(Leaving(report.hostname, report.active, report.active, True, 0.0))

        # Each is told as soon as it has said what it runs: one that is dead delays no other.
        survey(control.mailbox, names, destination=list(names), timeout_s=control.timeout_s, on_worker=tell)
        silent = tuple(name for name in names if name not in active)
        if even_silent:
            for name in silent:
                active[name] = ()
                control.tell(name, "shutdown")
            silent = ()
        if not active:
            raise RefusedError(f"{', '.join(names)} did not answer: ended, stuck, or busy in a solo pool")
        seen = _watch(control, active, ends, wait_s, on_progress, is_wanted)
        result = ShutdownResult(seen, silent)
        note.outcome = FAILED if not seen else note.outcome
        note.detail = {
            "told": list(active),
            "silent": list(silent),
            "left": [worker.worker for worker in seen if worker.has_left],
            "running": [task.task_id for worker in seen for task in worker.running],
        }
    return result


def _watch(
    control: WorkerControl,
    active: Mapping[str, tuple[ActiveTask, ...]],
    ends: _Ends,
    wait_s: float,
    on_progress: Callable[[Leaving], None] | None,
    is_wanted: Callable[[], bool],
) -> tuple[Leaving, ...]:
    start = time.monotonic()
    heard = dict.fromkeys(active, start)
    seen: dict[str, Leaving] = {}
    while True:
        now = time.monotonic()
        over = ends.over([task.task_id for one in seen.values() for task in one.running]) if seen else set()
        for name, ran in active.items():
            before = seen.get(name)
            left = tuple(
                task for task in (ran if before is None else before.running) if task.task_id not in over
            )
            after = Leaving(name, ran, left, now - heard[name] < _STILL_S, now - start)
            seen[name] = after
            if on_progress is not None and (
                before is None or (before.running, before.is_listening) != (left, after.is_listening)
            ):
                on_progress(after)
        listening = [name for name, one in seen.items() if one.is_listening]
        if all(one.has_left for one in seen.values()) or now - start >= wait_s or not is_wanted():
            return tuple(seen.values())
        patience_s = max(0.0, min(_LOOK_AGAIN_S, start + wait_s - now))
        if listening:
            begun = time.monotonic()
            answers = control.mailbox.ask("ping", destination=listening, timeout_s=patience_s).answers
            heard |= dict.fromkeys((answer.worker for answer in answers), time.monotonic())
            patience_s -= time.monotonic() - begun
        if patience_s > 0:
            time.sleep(patience_s)


class _Ends:
    """Tells which tasks have ended, by whatever keeps their end."""

    def __init__(self, control: WorkerControl, broker: RedisBroker | None) -> None:
        self._control = control
        self._broker = broker
        self._late: set[str] = set()

    def await_all(self, tasks: Iterable[ActiveTask]) -> None:
        """Take note of tasks that run now."""
        wanted = {task.task_id for task in tasks}
        if wanted:
            # One that was acknowledged before it ran is in the broker no more, which says nothing of its end.
            self._late |= self._held() & wanted

    def over(self, task_ids: Sequence[str]) -> set[str]:
        if not task_ids:
            return set()
        wanted = set(task_ids)
        found = wanted & self._late - self._held() if self._late else set[str]()
        found |= self._recorded(wanted - found)
        return found | {task_id for task_id in wanted - found if self._has_result(task_id)}

    def _held(self) -> set[str]:
        return {message.task_id for message in self._broker.messages(())} if self._broker else set()

    def _recorded(self, task_ids: set[str]) -> set[str]:
        if self._control.database is None or not task_ids:
            return set()
        with self._control.database.session() as session:
            row = TaskExecutionRow
            return set(
                session.scalars(
                    select(row.task_id).where(row.task_id.in_(task_ids), row.state.not_in(UNFINISHED))
                )
            )

    def _has_result(self, task_id: str) -> bool:
        backend = self._control.app.backend
        if isinstance(backend, DisabledBackend):
            return False
        try:
            return str(backend.get_state(task_id)) in READY_STATES
        except (BackendError, KombuError, redis.RedisError, OSError):
            # Results that can't be read say nothing of an end; the wait is limited anyhow.
            return False
