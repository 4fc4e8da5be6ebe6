"""Moving, deleting and purging messages, pausing and resuming queues: thin over the operations; blocks."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any

from earthgazer_core.operations.mailbox import Answers, Mailbox
from earthgazer_core.operations.queues import purge as purging
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.message import WaitingMessage
from earthgazer_core.operations.queues.move import Moved, move, move_all
from earthgazer_core.operations.queues.pause import pause, resume
from earthgazer_core.operations.queues.peek import peek
from earthgazer_core.operations.queues.remove import remove
from earthgazer_tui.fleet.errors import NotFoundError, RefusedError, UnavailableError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.audit import Audit
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.queue_look import QueueLook
from earthgazer_tui.fleet.live.replies import replies_of
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.models import ActionResult, MovePlan, PurgePlan, QueueMessage

_TIMEOUT_S = 2.0
_LISTED = 10
_WORKERS_APART = 3
_MOST_NAMED = 100


class QueueActions:
    """What an operator does to queues and the messages in them."""

    def __init__(
        self,
        services: Services,
        names: Names,
        audit: Audit,
        mailbox: Callable[[], Mailbox],
        living: Callable[[], tuple[str, ...]],
        consumed: Callable[[], tuple[str, ...]],
        visibility_timeout_s: Callable[[], float | None],
    ) -> None:
        self._services = services
        self._names = names
        self._audit = audit
        self._mailbox = mailbox
        self._living = living
        self._consumed = consumed
        self._lock = RLock()
        self._is_closed = False
        self._broker: LeverBroker | None = None
        self._preview: tuple[str, purging.PurgePreview] | None = None
        self.look = QueueLook(self.broker, names, visibility_timeout_s)

    def broker(self) -> LeverBroker:
        """Return the broker, opened once."""
        with self._lock:
            if self._is_closed:
                raise UnavailableError("the fleet is not open")
            if self._broker is None:
                broker = self._services.queue_broker()
                # Connected here, since two threads would each make a connection of their own.
                broker.connect()
                self._broker = broker
            return self._broker

    def close(self) -> None:
        """Let go of the broker."""
        with self._lock:
            self._is_closed = True
            if self._broker is not None:
                self._broker.close()

    def plan_move(
        self, queue: str, keys: Sequence[str] | None, to_queue: str | None, to_priority: int | None
    ) -> MovePlan:
        """Return what a move would do."""
        broker, real = self.broker(), self._names.real(queue)
        if to_queue is not None and self._names.real(to_queue) != real:
            broker.require(self._names.real(to_queue), self._consumed())
        elif to_priority is None:
            raise RefusedError(f"nowhere to go: name a queue other than {queue}, or a priority")
        if to_priority is not None:
            broker.check_priority(to_priority, real if to_queue is None else self._names.real(to_queue))
        if keys is None:
            [state] = broker.snapshot([real]).queues
            if not state.depth:
                raise NotFoundError(f"nothing waits in {queue}")
            return MovePlan(queue, state.depth, self._rows(peek(broker, real, _LISTED)), 0)
        chosen = self.look.chosen(keys)
        there = {message.raw for message in peek(broker, real, 2 * _LISTED + max(m.position for m in chosen))}
        # Those further back than before can't be: what comes later queues up behind them, unless it is
        # more urgent. The move itself looks for each by its bytes.
        left = [message for message in chosen if message.raw in there]
        if not left:
            raise NotFoundError(_gone(len(chosen), queue))
        return MovePlan(queue, len(left), self._rows(left[:_LISTED]), len(chosen) - len(left))

    def move(
        self, queue: str, keys: Sequence[str] | None, to_queue: str | None, to_priority: int | None
    ) -> ActionResult:
        """Move messages that still wait."""
        target = None if to_queue is None else self._names.real(to_queue)
        common: dict[str, Any] = {
            "to_queue": target,
            "to_priority": to_priority,
            "also": self._consumed(),
            "database": self._services.database,
            "context": self._services.context,
        }
        noted = {"queue": queue, "to_queue": to_queue, "to_priority": to_priority}
        if keys is None:
            with self._audit.noting_elsewhere("queue.move", {**noted, "all": True}):
                return _moved(move_all(self.broker(), self._names.real(queue), **common))
        chosen = self.look.chosen(keys)
        with self._audit.noting_elsewhere("queue.move", {**noted, "task_ids": _ids(chosen)}):
            return _moved(move(self.broker(), chosen, **common))

    def delete(self, queue: str, keys: Sequence[str]) -> ActionResult:
        """Delete messages that still wait."""
        chosen = self.look.chosen(keys)
        with self._audit.noting_elsewhere("queue.remove", {"queue": queue, "task_ids": _ids(chosen)}):
            result = remove(
                self.broker(), chosen, database=self._services.database, context=self._services.context
            )
        return ActionResult(not result.gone, sanitise.line(f"{queue}: {result.summary}"))

    def plan_purge(self, queue: str) -> PurgePlan:
        """Return what a purge would delete."""
        preview = purging.preview_purge(self.broker(), self._names.real(queue), _LISTED)
        if not preview.total:
            raise NotFoundError(f"nothing waits in {queue}; what workers hold stays with them")
        token = secrets.token_hex(8)
        # Only the last one is kept: a purge takes what was shown last.
        self._preview = (token, preview)
        return PurgePlan(
            queue, token, preview.total, preview.by_priority, self._rows(preview.first), preview.unacked
        )

    def purge(self, queue: str, token: str) -> ActionResult:
        """Delete the messages of a plan that still wait."""
        if self._preview is None or self._preview[0] != token:
            raise RefusedError("the queue was looked at anew since: purge again")
        (_, preview), self._preview = self._preview, None
        with self._audit.noting_elsewhere("queue.purge", {"queue": queue, "shown": preview.total}):
            result = purging.purge(
                self.broker(), preview, database=self._services.database, context=self._services.context
            )
        return ActionResult(True, sanitise.line(result.summary))

    def pause(self, queue: str) -> ActionResult:
        """Have all consumers of a queue stop."""
        with self._audit.noting_elsewhere("queue.pause", {"queue": queue}):
            result = pause(
                self.broker(), self._mailbox(), self._names.real(queue), expected=self._living(),
                timeout_s=_TIMEOUT_S, database=self._services.database, context=self._services.context,
            )  # fmt: skip
        summary = result.summary if result.is_new else f"{result.summary} (by {result.pause.who} before)"
        if not result.stopped and not result.consuming:
            summary = f"{queue}: paused; no worker consumed it, one that comes will be told"
        return _by_workers(not result.consuming, summary, result.answers)

    def resume(self, queue: str) -> ActionResult:
        """Have the workers that consumed a queue before its pause go on."""
        with self._audit.noting_elsewhere("queue.resume", {"queue": queue}):
            result = resume(
                self.broker(), self._mailbox(), self._names.real(queue), expected=self._living(),
                timeout_s=_TIMEOUT_S, database=self._services.database, context=self._services.context,
            )  # fmt: skip
        return _by_workers(not result.waiting, result.summary, result.answers)

    def _rows(self, messages: Sequence[WaitingMessage]) -> tuple[QueueMessage, ...]:
        return tuple(self.look.waiting_row(key, one) for key, one in self.look.keyed(messages).items())


def _moved(result: Moved) -> ActionResult:
    return ActionResult(not (result.gone or result.unreadable), sanitise.line(result.summary))


def _by_workers(is_ok: bool, summary: str, answers: Answers) -> ActionResult:
    if is_ok and len(answers.answers) > _WORKERS_APART:
        # So many answers, and all alike, are not shown one by one.
        summary += f": {', '.join(answer.worker for answer in answers.answers)}"
    return ActionResult(is_ok, sanitise.line(summary), replies_of(answers, _TIMEOUT_S))


def _ids(messages: Sequence[WaitingMessage]) -> list[str]:
    return [message.task_id for message in messages[:_MOST_NAMED]]


def _gone(n: int, queue: str) -> str:
    what = "the message is" if n == 1 else f"all {n} messages are"
    return f"{what} no longer in {queue}: taken by a worker or another operator"
