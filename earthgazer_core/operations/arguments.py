"""The arguments of a task, from the best source that still has them, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from celery import Celery

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskMessageRow
from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations.found_message import FoundMessage, found_message
from earthgazer_core.operations.literal import read_literal
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.message import call_of
from earthgazer_core.operations.stored_result import StoredResult, read_result
from earthgazer_core.recorder.message import Seal

MOST_SEARCHED = 20_000
"""Messages of a queue that are searched for a task."""
_ASK_S = 1.0


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a task was called with."""

    args: Sequence[Any] | None = field(repr=False)
    """Positional arguments; None where they aren't known for certain."""
    kwargs: Mapping[str, Any] | None = field(repr=False)
    """Named arguments likewise."""
    source: str
    """Where they are from; empty where they aren't known."""
    reason: str = ""
    """What isn't certain of them, or why they aren't known."""
    message: FoundMessage | None = field(default=None, repr=False)
    """The message itself, where it was found: it knows what comes after the task."""
    queue: str | None = None
    """Queue that the task came by, where the source says."""
    priority: int | None = None
    """Its priority likewise."""
    is_live: bool = False
    """Whether the source is the task itself, on its way or running."""

    @property
    def is_known(self) -> bool:
        """Whether they can be sent again."""
        return self.message is not None or (self.args is not None and self.kwargs is not None)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where arguments can be looked for; what is None isn't asked."""

    database: Database | None = None
    """The flight recorder's."""
    encryption_key: str | None = field(default=None, repr=False)
    """The recorder's key."""
    broker: LeverBroker | None = None
    """Queues, and what workers hold."""
    queues: Sequence[str] | None = None
    """Queues to look into; all if None."""
    mailbox: Mailbox | None = None
    """Workers."""
    expected: Sequence[str] = ()
    """Workers known to exist."""
    app: Celery | None = None
    """Whose result backend may have them."""
    told: tuple[str, str] | None = field(default=None, repr=False)
    """(args, kwargs) as events show them."""


def find_arguments(task_id: str, sources: Sources) -> Arguments:
    """Return the arguments of a task from the first source that has them.

    In this order: flight recorder, message (waiting, or held by a worker), worker, extended result, the
    text that events show where it reads back as one value alone. A source that is away is passed over,
    and named where no other has them.
    """
    searches: tuple[Callable[[str, Sources], Arguments | None], ...] = (
        _recorded, _in_broker, _on_worker, _in_result, _told,
    )  # fmt: skip
    reasons: list[str] = []
    for search in searches:
        try:
            found = search(task_id, sources)
        except EarthGazerError as error:
            reasons.append(str(error))
            continue
        if found is not None and found.is_known:
            return found
        if found is not None and found.reason:
            reasons.append(found.reason)
    return Arguments(None, None, "", "; ".join(reasons) or "nobody tells what it was called with")


def of_message(message: FoundMessage, source: str) -> Arguments:
    """Return the arguments in a message; one that isn't JSON is known as a whole, never opened."""
    call, reason = call_of(message.envelope)
    args, kwargs = (None, None) if call is None else call[:2]
    return Arguments(args, kwargs, source, reason, message, message.queue, message.priority)


def _recorded(task_id: str, sources: Sources) -> Arguments | None:
    if sources.database is None:
        return None
    with sources.database.session() as session:
        row = session.get(TaskMessageRow, task_id)
        if row is None:
            return None
        body = Seal(sources.encryption_key).open(row.body) if row.is_sealed else row.body
        content = (row.content_type, row.content_encoding, body)
        message = FoundMessage(
            dict(row.headers), dict(row.properties), content, row.properties.get("routing_key")
        )
    return of_message(message, "recorded message")


def _in_broker(task_id: str, sources: Sources) -> Arguments | None:
    if sources.broker is None:
        return None
    for held in sources.broker.holding():
        if held.task_id == task_id:
            message = found_message(held.envelope, held.queue)
            if message is not None:
                found = of_message(message, f"message of queue {held.queue}, held by a worker")
                return replace(found, is_live=True)
    marks = task_id.encode()
    for queue in sources.broker.queue_names() if sources.queues is None else sources.queues:
        for stored in islice(sources.broker.waiting(queue), MOST_SEARCHED):
            # A cheap look first: few messages of a long queue are worth decoding.
            if marks in stored.raw:
                message = found_message(stored.raw, queue)
                if message is not None and message.task_id == task_id:
                    return replace(of_message(message, f"message that waits in queue {queue}"), is_live=True)
    return None


def _on_worker(task_id: str, sources: Sources) -> Arguments | None:
    if sources.mailbox is None:
        return None
    answers = sources.mailbox.ask(
        "query_task", {"ids": [task_id]}, expected=sources.expected, timeout_s=_ASK_S
    )
    for answer in answers.answers:
        state, request = _request(answer.value, task_id)
        args, kwargs = request.get("args"), request.get("kwargs")
        if isinstance(args, list | tuple) and isinstance(kwargs, dict):
            info = request.get("delivery_info") or {}
            return Arguments(
                list(args), kwargs, f"{answer.worker} ({state}, by inspect)", "",
                queue=info.get("routing_key"), priority=info.get("priority"), is_live=True,
            )  # fmt: skip
    return None


def _in_result(task_id: str, sources: Sources) -> Arguments | None:
    found: StoredResult | None = None if sources.app is None else read_result(sources.app, task_id)
    if found is None or found.args is None or found.kwargs is None:
        return None
    return Arguments(found.args, found.kwargs, "extended result", "", queue=found.queue)


def _told(task_id: str, sources: Sources) -> Arguments | None:
    if sources.told is None:
        return None
    args, args_reason = read_literal(sources.told[0])
    kwargs, kwargs_reason = read_literal(sources.told[1])
    reason = args_reason or kwargs_reason
    if not reason and not (isinstance(args, list | tuple) and isinstance(kwargs, dict)):
        reason = "they are no arguments"
    if reason:
        return Arguments(None, None, "", f"all that is left of its arguments is the text in events: {reason}")
    return Arguments(
        list(args), kwargs, "text in events",
        "it reads back as one value alone, but an author may have put other words in its place",
    )  # fmt: skip


def _request(value: Any, task_id: str) -> tuple[str, Mapping[str, Any]]:
    found = value.get(task_id) if isinstance(value, dict) else None
    if not isinstance(found, list | tuple) or len(found) != 2 or not isinstance(found[1], dict):
        return "", {}
    return str(found[0]), found[1]


def names_after(message: FoundMessage) -> Iterator[str]:
    """Yield the names of the tasks that a message's chain and chord still have before them."""
    call, _ = call_of(message.envelope)
    embed = {} if call is None else call[2]
    steps: Iterable[Any] = reversed(embed.get("chain") or ())
    for step in (*steps, embed.get("chord")):
        if isinstance(step, Mapping):
            yield str(step.get("task") or "?")
