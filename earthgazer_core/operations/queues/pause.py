"""Pausing a queue on all its consumers, and letting exactly those go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.errors import NotFoundError
from earthgazer_core.operations.mailbox import Answer, Answers, Mailbox
from earthgazer_core.operations.noted import DONE, FAILED, begun, noted
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.marks import (
    Consumer,
    Pause,
    mark,
    mark_again,
    mark_ending,
    pause_of,
    pauses,
    unmark,
)

_LOOK_AGAIN_S = 0.05
OnAnswer = Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class Paused:
    """What became of a wish to pause a queue."""

    pause: Pause
    """Who paused it first, and when."""
    is_new: bool
    """Whether it was not paused before."""
    answers: Answers
    """What the consumers said; silent ones may still consume."""
    stopped: tuple[str, ...]
    """Workers that were seen not to consume it any more."""
    consuming: tuple[str, ...]
    """Workers that still do, or have not shown otherwise."""
    held: int | None
    """Messages that workers took before and still hold; those will run. None where nobody tells."""
    is_volatile: bool = True
    """A worker that restarts consumes again until :func:`enforce` tells it."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{self.pause.queue}: paused on {_counted(len(self.stopped), 'worker')}"
        if self.consuming:
            words += f", not on {', '.join(self.consuming)}"
        return f"{words}; {_counted(self.held, 'message')} taken before will run" if self.held else words


@dataclass(frozen=True, slots=True)
class Resumed:
    """What became of a wish to resume a queue."""

    queue: str
    """The queue."""
    answers: Answers
    """What the workers said."""
    consuming: tuple[str, ...]
    """Workers that were seen to consume it."""
    waiting: tuple[str, ...]
    """Workers that have not gone on: the pause is kept for them, so that it can be tried again."""
    is_volatile: bool = False
    """A worker that restarts consumes by its own options again."""

    @property
    def summary(self) -> str:
        """One line."""
        if not self.consuming and not self.waiting:
            return f"{self.queue}: resumed; no worker had consumed it"
        words = f"{self.queue}: resumed on {_counted(len(self.consuming), 'worker')}"
        return f"{words}, not on {', '.join(self.waiting)}" if self.waiting else words


def pause(
    broker: LeverBroker,
    mailbox: Mailbox,
    queue: str,
    *,
    expected: Iterable[str] = (),
    timeout_s: float = 2.0,
    database: Database | None = None,
    context: str | None = None,
    on_answer: OnAnswer | None = None,
) -> Paused:
    """Have every worker that consumes a queue stop, and keep in the broker who wanted that.

    Doing it again tells workers that have come since; the first owner stays.

    Args:
        broker: The broker.
        mailbox: Where to ask.
        queue: Name of a queue.
        expected: Workers known to exist; without them the whole time is waited for consumers.
        timeout_s: Longest time to wait for answers, of each of three questions.
        database: Where the audit is kept.
        context: Name of the fleet, for the audit.
        on_answer: Told of each consumer's answer at once.

    Raises:
        NotFoundError: there is no such queue, and no worker consumes it.
        RefusedError: the broker refuses.
        ServiceUnavailableError: the broker is away.
        UnsureError: it went away in the middle; doing it again does the rest.
    """
    with noted(database, "queue.pause", {"queue": queue}, context) as note:
        told = mailbox.ask("active_queues", expected=expected, timeout_s=timeout_s)
        consumers = _consumers(told.values, queue)
        broker.require(queue, also=[queue] if consumers else ())
        is_new = pause_of(broker, queue) is None
        # Marked first: should this process end now, others see that somebody was about to pause it.
        marked = mark(broker, queue, consumers)
        with begun(f"{queue} is marked as paused, and its workers may not all have stopped: pause it again"):
            result = _stop(broker, mailbox, marked, is_new, consumers, told.silent, timeout_s, on_answer)
        note.detail = {"stopped": list(result.stopped), "consuming": list(result.consuming)}
    return result


def enforce(
    broker: LeverBroker,
    mailbox: Mailbox,
    *,
    expected: Iterable[str] = (),
    timeout_s: float = 2.0,
    database: Database | None = None,
    context: str | None = None,
) -> tuple[Paused, ...]:
    """Tell workers that consume a paused queue, since they have restarted, to stop; return those pauses.

    Nobody is asked anything while no queue is paused.

    Raises:
        ServiceUnavailableError: the broker is away.
    """
    kept = [one for one in pauses(broker) if not one.is_ending]
    if not kept:
        return ()
    told = mailbox.ask("active_queues", expected=expected, timeout_s=timeout_s).values
    results = []
    for one in kept:
        consumers = _consumers(told, one.queue)
        marked = mark_again(broker, one.queue, consumers) if consumers else None
        if marked is not None:
            with noted(database, "queue.pause", {"queue": one.queue}, context) as note:
                result = _stop(broker, mailbox, marked, False, consumers, (), timeout_s, None)
                note.detail = {"again": True, "stopped": list(result.stopped), "owner": one.who}
            results.append(result)
    return tuple(results)


def resume(
    broker: LeverBroker,
    mailbox: Mailbox,
    queue: str,
    *,
    expected: Iterable[str] = (),
    forget_silent: bool = False,
    timeout_s: float = 2.0,
    database: Database | None = None,
    context: str | None = None,
    on_answer: OnAnswer | None = None,
) -> Resumed:
    """Have the workers that consumed a queue before its pause consume it again, as they did; no others.

    Args:
        broker: The broker.
        mailbox: Where to ask.
        queue: Name of a paused queue.
        expected: Workers known to exist; those of the pause that aren't among them are not waited for:
            a worker that restarts consumes by its own options. Without them, all of the pause are.
        forget_silent: Forget the pause also for workers that do not answer.
        timeout_s: Longest time to wait for answers, of each of two questions.
        database: Where the audit is kept.
        context: Name of the fleet, for the audit.
        on_answer: Told of each worker's answer at once.

    Raises:
        NotFoundError: the queue isn't paused.
        ServiceUnavailableError: the broker is away.
        UnsureError: it went away in the middle; doing it again does the rest.
    """
    with noted(database, "queue.resume", {"queue": queue}, context) as note:
        kept = pause_of(broker, queue)
        if kept is None:
            raise NotFoundError(f"queue {queue} is not paused: to have a worker consume it, add a consumer")
        # Said first: whoever enforces pauses meanwhile must not stop those that go on.
        mark_ending(broker, queue)
        with begun(
            f"{queue} is about to be resumed, and not all of its workers may consume it: resume it again"
        ):
            known = set(expected)
            targets = [one for one in kept.consumers if not known or one.worker in known]
            said: list[Answer] = []
            for shape in dict.fromkeys((one.exchange, one.exchange_type, one.routing_key) for one in targets):
                alike = [
                    one.worker
                    for one in targets
                    if (one.exchange, one.exchange_type, one.routing_key) == shape
                ]
                exchange, exchange_type, routing_key = shape
                arguments = {
                    "queue": queue,
                    "exchange": exchange,
                    "exchange_type": exchange_type,
                    "routing_key": routing_key,
                }
                said += mailbox.ask(
                    "add_consumer", arguments, destination=alike, timeout_s=timeout_s, on_answer=on_answer
                ).answers
            names = [one.worker for one in targets]
            silent = tuple(name for name in names if name not in {answer.worker for answer in said})
            ready = [answer.worker for answer in said if answer.is_ok]
            consuming = _until(mailbox, queue, ready, timeout_s, wanted=True)
            waiting = tuple(
                name for name in names if name not in consuming and not (forget_silent and name in silent)
            )
            unmark(broker, queue, frozenset(waiting))
        note.outcome = FAILED if waiting else DONE
        note.detail = {"consuming": list(consuming), "waiting": list(waiting)}
    return Resumed(queue, Answers(tuple(said), silent), consuming, waiting)


def _stop(
    broker: LeverBroker,
    mailbox: Mailbox,
    marked: Pause,
    is_new: bool,
    consumers: Sequence[Consumer],
    unheard: Sequence[str],
    timeout_s: float,
    on_answer: OnAnswer | None,
) -> Paused:
    names = [consumer.worker for consumer in consumers]
    answers = Answers((), ())
    if names:
        answers = mailbox.ask(
            "cancel_consumer",
            {"queue": marked.queue},
            destination=names,
            timeout_s=timeout_s,
            on_answer=on_answer,
        )
    ready = [answer.worker for answer in answers.answers if answer.is_ok]
    stopped = _until(mailbox, marked.queue, ready, timeout_s, wanted=False)
    return Paused(
        pause=marked,
        is_new=is_new,
        answers=Answers(answers.answers, (*answers.silent, *unheard)),
        stopped=stopped,
        consuming=(*(name for name in names if name not in stopped), *unheard),
        held=broker.snapshot([marked.queue]).queues[0].unacked,
    )


def _until(
    mailbox: Mailbox, queue: str, workers: Sequence[str], timeout_s: float, *, wanted: bool
) -> tuple[str, ...]:
    """Return the workers that are seen to consume a queue, or not to, within the time.

    A worker says "done" before it has done it.
    """
    deadline = time.monotonic() + timeout_s
    left, seen = list(workers), list[str]()
    while left:
        told = mailbox.ask(
            "active_queues", destination=left, timeout_s=max(_LOOK_AGAIN_S, deadline - time.monotonic())
        ).values
        names = {consumer.worker for consumer in _consumers(told, queue)}
        seen += [worker for worker in left if worker in told and (worker in names) == wanted]
        left = [worker for worker in left if worker not in seen]
        if time.monotonic() > deadline:
            break
        if left:
            time.sleep(_LOOK_AGAIN_S)
    return tuple(worker for worker in workers if worker in seen)


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _consumers(told: Mapping[str, Any], queue: str) -> tuple[Consumer, ...]:
    found = []
    for worker, known in told.items():
        for one in known if isinstance(known, list) else ():
            if isinstance(one, dict) and one.get("name") == queue:
                exchange = one.get("exchange")
                exchange = exchange if isinstance(exchange, dict) else {}
                found.append(
                    Consumer(worker, exchange.get("name"), exchange.get("type"), one.get("routing_key"))
                )
    return tuple(found)
