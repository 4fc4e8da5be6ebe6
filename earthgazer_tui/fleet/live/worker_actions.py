"""Orders to workers, each one's words told as they come; blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime

from earthgazer_core.operations.controls.changes import Deed
from earthgazer_core.operations.controls.consumers import add_consumer, cancel_consumer
from earthgazer_core.operations.controls.control import ControlResult, UnheardError, WorkerControl
from earthgazer_core.operations.controls.events import switch_events
from earthgazer_core.operations.controls.limits import rate_limit, time_limit
from earthgazer_core.operations.controls.pool import autoscale, restart_pool
from earthgazer_core.operations.controls.resize import resize
from earthgazer_core.operations.controls.shutdown import Leaving, shut_down
from earthgazer_core.operations.mailbox import Answer
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.audit import Audit
from earthgazer_tui.fleet.live.controls import ANSWER_WITHIN_S, Controls
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.models import (
    ActionResult,
    AddConsumer,
    Autoscale,
    CancelConsumer,
    LimitRate,
    LimitTime,
    Reply,
    Resize,
    RestartPool,
    ShutDown,
    SwitchEvents,
    WorkerOrder,
)
from earthgazer_tui.wording import counted, leaf_name

OnReply = Callable[[Reply], None]
OnDone = Callable[[ActionResult], None]

_NAMED_TASKS = 3
"""Tasks of a leaving worker that are named."""


class WorkerActions:
    """What an operator has workers do."""

    def __init__(
        self,
        services: Services,
        names: Names,
        audit: Audit,
        controls: Controls,
        seen: Observations,
        last_seen: Callable[[str], str],
    ) -> None:
        """Take what orders need.

        Args:
            services: The fleet.
            names: Names as shown and as they are.
            audit: Where orders are noted if there is no database.
            controls: Levers.
            seen: Where what was done is kept, for fleets without a database.
            last_seen: Says of a worker, by its name as shown, when it was heard of.
        """
        self._services = services
        self._names = names
        self._audit = audit
        self._controls = controls
        self._seen = seen
        self._last_seen = last_seen

    def tell(
        self,
        hostnames: Sequence[str],
        order: WorkerOrder,
        on_reply: OnReply,
        on_done: OnDone | None = None,
    ) -> ActionResult:
        """Have workers do something; where all have done it, ``on_done`` is told so before the audit is."""
        real = [self._names.real(hostname) for hostname in hostnames]
        noting = (
            self._audit.noting(
                f"worker.{type(order).__name__}", {"workers": list(hostnames), **asdict(order)}
            )
            if self._services.database is None
            else nullcontext()
        )
        with noting, self._controls.lent() as control:
            control.on_refused = lambda worker, reason: on_reply(self._refused(worker, reason))
            if on_done is not None:
                control.on_done = lambda result: on_done(self._outcome(result, order))
            if isinstance(order, ShutDown):
                return self._shut_down(control, real, order, on_reply)
            try:
                result = self._told(control, real, order, lambda answer: on_reply(self._reply(answer)))
            except UnheardError as error:
                raise RefusedError("; ".join(self._unheard(error.refused, error.silent))) from error
        self._keep(result, order)
        return self._outcome(result, order)

    def _told(
        self,
        control: WorkerControl,
        workers: Sequence[str],
        order: WorkerOrder,
        on_answer: Callable[[Answer], None],
    ) -> ControlResult:
        match order:
            case Resize(by):
                return resize(control, workers, by, on_answer=on_answer)
            case Autoscale(least, most):
                return autoscale(control, workers, least=least, most=most, on_answer=on_answer)
            case AddConsumer(queue):
                return add_consumer(control, workers, self._names.real(queue), on_answer=on_answer)
            case CancelConsumer(queue):
                return cancel_consumer(control, workers, self._names.real(queue), on_answer=on_answer)
            case LimitRate(task, rate):
                return rate_limit(control, workers, self._names.real(task), rate, on_answer=on_answer)
            case LimitTime(task, soft_s, hard_s):
                task = self._names.real(task)
                return time_limit(control, workers, task, soft_s=soft_s, hard_s=hard_s, on_answer=on_answer)
            case RestartPool():
                return restart_pool(control, workers, on_answer=on_answer)
            case SwitchEvents(on):
                return switch_events(control, workers, on=on, on_answer=on_answer)
            case ShutDown():
                raise AssertionError("a shutdown is watched, not only told")

    def _outcome(self, result: ControlResult, order: WorkerOrder) -> ActionResult:
        replies = (
            *(self._reply(answer) for answer in result.answers),
            *(self._refused(worker, reason) for worker, reason in result.refused),
            *(self._silent(worker) for worker in result.silent),
        )
        done = sum(answer.is_ok for answer in result.answers)
        words = [f"{done} of {counted(len(replies), 'worker')} did it"] if len(replies) > 1 else []
        before = next(iter(result.before.values()), None)
        if len(replies) == 1 and done and isinstance(order, Resize) and isinstance(before, int):
            words = [f"{replies[0].worker}: {before} → {before + order.by} processes"]
        if done:
            words += ["lost when it restarts"] if result.is_volatile else []
            words += [result.note] if result.note else []
        return ActionResult(result.is_ok, sanitise.line("; ".join(words) or "not done"), replies)

    def _shut_down(
        self, control: WorkerControl, workers: Sequence[str], order: ShutDown, on_reply: OnReply
    ) -> ActionResult:
        broker = self._services.redis_broker() if self._services.is_redis else None
        try:
            result = shut_down(
                control,
                workers,
                broker=broker,
                wait_s=order.wait_s,
                even_silent=order.even_silent,
                on_progress=lambda one: on_reply(self._leaving(one)),
                is_wanted=lambda: self._controls.is_open,
            )
        finally:
            if broker is not None:
                broker.close()
        replies = (
            *(self._leaving(one) for one in result.workers),
            *(self._silent(worker) for worker in result.silent),
        )
        return ActionResult(result.is_ok, sanitise.line(result.summary), replies)

    def _keep(self, result: ControlResult, order: WorkerOrder) -> None:
        if self._services.database is not None or not result.is_volatile:
            return
        done = tuple(answer.worker for answer in result.answers if answer.is_ok)
        deed = Deed(result.action, self._target(order), done, datetime.now(UTC), dict(result.before))
        self._seen.deeds = (*self._seen.deeds, deed)

    def _target(self, order: WorkerOrder) -> Mapping[str, object]:
        match order:
            case Resize(by):
                return {"n": abs(by)}
            case LimitRate(task, rate):
                return {"task_name": self._names.real(task), "rate_limit": rate}
            case LimitTime(task, soft_s, hard_s):
                return {"task_name": self._names.real(task), "soft": soft_s, "hard": hard_s}
            case AddConsumer(queue) | CancelConsumer(queue):
                return {"queue": self._names.real(queue)}
        return asdict(order)

    def _reply(self, answer: Answer) -> Reply:
        return Reply(self._names.show(answer.worker), answer.is_ok, sanitise.line(answer.text))

    def _refused(self, worker: str, reason: str) -> Reply:
        return Reply(self._names.show(worker), False, sanitise.line(reason))

    def _silent(self, worker: str) -> Reply:
        shown = self._names.show(worker)
        return Reply(
            shown, False, sanitise.line(f"no answer in {ANSWER_WITHIN_S:g} s; {self._last_seen(shown)}")
        )

    def _unheard(self, refused: Mapping[str, str], silent: Sequence[str]) -> list[str]:
        replies = [self._refused(worker, reason) for worker, reason in refused.items()]
        replies += [self._silent(worker) for worker in silent]
        return [f"{reply.worker}: {reply.text}" for reply in replies]

    def _leaving(self, one: Leaving) -> Reply:
        if one.has_left:
            words = "has left; what it ran has ended" if one.ran else "has left; it ran nothing"
        else:
            running = [f"{leaf_name(task.name)} {task.task_id[:8]}" for task in one.running[:_NAMED_TASKS]]
            more = len(one.running) - len(running)
            running += [f"{more} more"] if more > 0 else []
            words = "was told" if one.is_listening else "takes nothing more"
            words += f"; still runs {', '.join(running)}" if running else ""
        return Reply(self._names.show(one.worker), one.has_left, sanitise.line(words), is_final=one.has_left)
