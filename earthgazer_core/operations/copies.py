"""Sending a failed task again where nothing recorded it: as a copy, with what is truly known of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from celery import Celery
from celery.utils.saferepr import saferepr

from earthgazer_core.errors import EarthGazerError, RefusedError, ServiceUnavailableError, UnsureError
from earthgazer_core.operations.arguments import Arguments, names_after
from earthgazer_core.operations.chord import ChordKeys, Repair
from earthgazer_core.operations.chord_places import places
from earthgazer_core.operations.chord_record import ChordRecord
from earthgazer_core.operations.lock import Holder, OperatorLock
from earthgazer_core.operations.queues.message import call_of
from earthgazer_core.operations.republish import publish, renewed
from earthgazer_core.recorder.message import serialise

COPIED = ("FAILURE", "REVOKED")
"""States of a task of which a copy makes sense."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that ended, as far as it is known."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name; empty where it isn't known."""
    state: str
    """Its state by the result backend, else by events; empty where neither knows it."""
    queue: str | None
    """Queue, where known."""
    arguments: Arguments
    """What it was called with."""


@dataclass(frozen=True, slots=True)
class CopyOffer:
    """Whether a copy can be sent, and what it would lack."""

    refusal: str
    """Why not; empty where it can."""
    note: str
    """Where the arguments are from, and what goes along or is lost."""
    queue: str | None
    """Where it would go."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was sent."""

    task_id: str
    """The task asked for."""
    new_id: str
    """Id of the copy."""
    name: str
    """Task name."""
    queue: str
    """Where it went."""
    note: str
    """As in the offer."""


class Copier:
    """Sends copies; each is checked at that moment and sent by one operator alone. Callers note it."""

    def __init__(self, app: Celery, lock: OperatorLock | None) -> None:
        """Take the fleet.

        Args:
            app: Its app, or one with the same broker.
            lock: Keeps two operators apart; None where the broker keeps no keys.
        """
        self._app = app
        self._lock = lock
        self._chords = ChordKeys(app)

    def offer(self, task: Ended) -> CopyOffer:
        """Return whether a copy can be sent.

        Raises:
            ServiceUnavailableError: the result backend is away.
        """
        queue = self._queue(task)
        refusal = self._refusal(task, queue)
        if not refusal and task.arguments.message is not None:
            reasons = (self._chords.refusal(repair) for repair in _repairs(task))
            refusal = next((reason for reason in reasons if reason), "")
        return CopyOffer(refusal, self._note(task), queue)

    def copy(self, task: Ended) -> Copied:
        """Send a copy.

        Raises:
            RefusedError: it can't be, or another operator did; nothing was sent.
            ServiceUnavailableError: a server is away; nothing was sent.
            UnsureError: the broker's answer is lost; the lock says so to whoever tries again.
        """
        [outcome] = self.copy_all((task,))
        if isinstance(outcome, EarthGazerError):
            raise outcome
        return outcome

    def copy_all(self, tasks: Sequence[Ended]) -> list[Copied | EarthGazerError]:
        """Send copies of several; return what became of each, in the same order.

        A chord of which several failed waits for all of them before the first is sent: a worker that is
        quick with that one would else find the failures of the others and fail the chord again.
        """
        outcomes: dict[int, Copied | EarthGazerError] = {}
        ready: dict[int, tuple[CopyOffer, Any]] = {}
        for place, task in enumerate(tasks):
            try:
                offer = self.offer(task)
                if offer.refusal or offer.queue is None:
                    raise RefusedError(offer.refusal)
                ready[place] = offer, self._take(task.task_id)
            except EarthGazerError as error:
                outcomes[place] = error
        unsettled = self._settle([tasks[place] for place in ready])
        for place, (offer, held) in ready.items():
            task, new_id = tasks[place], str(uuid4())
            try:
                reasons = [
                    unsettled[one.record.group_id]
                    for one in _repairs(task)
                    if one.record.group_id in unsettled
                ]
                if reasons:
                    raise reasons[0]
                self._send(task, str(offer.queue), new_id)
            except UnsureError as error:
                outcomes[place] = error
                self._let_go(held, f"may have sent copy {new_id[:8]}")
            except EarthGazerError as error:
                outcomes[place] = error
                self._let_go(held, "")
            else:
                outcomes[place] = Copied(task.task_id, new_id, task.name, str(offer.queue), offer.note)
                self._let_go(held, f"sent copy {new_id[:8]}")
        return [outcomes[place] for place in range(len(tasks))]

    def _settle(self, tasks: Sequence[Ended]) -> dict[str, EarthGazerError]:
        """Make each chord wait for all copies that fill it; return why not, by the ids of their groups."""
        repairs: dict[str, Repair] = {}
        for repair in (repair for task in tasks for repair in _repairs(task)):
            known = repairs.setdefault(repair.record.group_id, repair)
            repairs[repair.record.group_id] = replace(known, givers=known.givers | repair.givers)
        unsettled: dict[str, EarthGazerError] = {}
        for group_id, repair in repairs.items():
            try:
                self._chords.settle(repair)
            except EarthGazerError as error:
                unsettled[group_id] = error
        return unsettled

    def _let_go(self, held: Any, word: str) -> None:
        """Keep the lock with a word on what was sent, or give it back; sent is sent either way."""
        if held is None or self._lock is None:
            return
        with suppress(ServiceUnavailableError):
            # Without an answer it goes away by itself.
            if word:
                self._lock.keep(held, word)
            else:
                self._lock.release(held)

    def _take(self, task_id: str) -> Any:
        if self._lock is None:
            return None
        taken = self._lock.take(f"retry:{task_id}")
        if isinstance(taken, Holder):
            when = "" if taken.at is None else f" at {taken.at:%H:%M:%S} UTC"
            did = taken.outcome or "is retrying it"
            raise RefusedError(f"{taken.who} {did}{when}: look at that one first")
        return taken

    def _send(self, task: Ended, queue: str, new_id: str) -> None:
        found = task.arguments.message
        at = datetime.now(UTC)
        if found is not None:
            headers, properties = renewed(found.headers, found.properties, at)
            content = found.content
        else:
            args, kwargs = list(task.arguments.args or ()), dict(task.arguments.kwargs or {})
            message = self._app.amqp.as_task_v2(
                new_id, task.name, tuple(args), kwargs,
                argsrepr=saferepr(args), kwargsrepr=saferepr(kwargs), root_id=new_id,
            )  # fmt: skip
            headers, properties = dict(message.headers), dict(message.properties)
            content = serialise(self._app, task.name, message.body)
            if task.arguments.priority is not None:
                properties["priority"] = task.arguments.priority
        headers |= {"id": new_id, "copy_of": task.task_id}
        if headers.get("root_id") == task.task_id:
            headers["root_id"] = new_id
        sent = {name: properties.get(name) for name in ("priority", "reply_to")}
        # By its queue's own name, past any exchange: one that isn't there any more would swallow it.
        route = {"exchange": "", "routing_key": queue, "correlation_id": new_id}
        publish(self._app, headers, {**sent, **route}, content, queue)

    def _refusal(self, task: Ended, queue: str | None) -> str:
        if not task.state:
            return "its state is not known: neither events nor results tell of it"
        if task.state not in COPIED:
            return f"it is {task.state}: only a task that failed or was revoked can be retried"
        if task.arguments.is_live and task.state == "FAILURE":
            return f"it is on its way again by itself: {task.arguments.source}"
        if not task.arguments.is_known:
            return task.arguments.reason
        if not task.name:
            return "its name is not known: its events began before the console"
        if queue is None:
            return "its queue is not known: --app with its routes, or sent events, would tell"
        return ""

    def _queue(self, task: Ended) -> str | None:
        known = task.queue or task.arguments.queue
        if known is not None or not task.name:
            return known
        if not self._app.conf.task_routes:
            return None
        routed = self._app.amqp.router.route({}, task.name, (), {})
        return getattr(routed.get("queue"), "name", None)

    def _note(self, task: Ended) -> str:
        arguments = task.arguments
        if not arguments.is_known:
            return ""
        parts = [f"a new id; arguments from the {arguments.source}"]
        if arguments.reason:
            parts.append(arguments.reason)
        if arguments.message is None:
            parts.append("what comes after it in a chain or chord is not known and will not run")
        elif after := list(names_after(arguments.message)):
            parts.append(f"goes on with {', '.join(after[:3])}{' …' if len(after) > 3 else ''}")
        if self._lock is None:
            parts.append("this broker keeps no lock against a second operator")
        return "; ".join(parts)


def _repairs(task: Ended) -> Iterator[Repair]:
    """Yield what has to be mended in the chords that the success of a copy is to fill."""
    found = task.arguments.message
    call = None if found is None else call_of(found.envelope)[0]
    if found is None or call is None:
        return
    for place in places(found.headers, call[2]):
        # Nothing was recorded: the chord's own keys have to say what it waits for.
        record = ChordRecord(place.group_id, None, None, None, (), (), is_fresh=False, is_body_sent=False)
        yield Repair(record, frozenset(place.givers))
