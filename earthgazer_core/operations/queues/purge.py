"""Emptying a queue of the messages that were there when somebody looked, and of no others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.errors import ServiceUnavailableError, UnsureError
from earthgazer_core.operations.noted import begun, noted
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.message import WaitingMessage, headers_of, read_message
from earthgazer_core.operations.queues.record import note_removed
from earthgazer_core.operations.queues.stored import Shown

logger = logging.getLogger(__name__)

_MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class PurgePreview:
    """What a purge would take away."""

    queue: str
    """The queue."""
    at: datetime
    """When it was looked at, aware UTC."""
    by_priority: tuple[tuple[int, int], ...]
    """(priority step, messages), most urgent first; steps in use and the first."""
    first: tuple[WaitingMessage, ...]
    """The next to run."""
    unacked: int | None
    """Messages of this queue that workers hold: a purge leaves them alone. None where nobody tells."""
    shown: Mapping[int, Shown] = field(repr=False)
    """What tells the messages that were there from those that come later, by priority step."""

    @property
    def total(self) -> int:
        """Messages that would be taken away."""
        return sum(size for _, size in self.by_priority)


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge took away, and how that differs from what was shown."""

    queue: str
    """The queue."""
    purged: int
    """Messages taken away; all of them were there when the queue was looked at."""
    gone: int
    """Messages counted then that workers or others had taken before."""
    left: int | None
    """Messages still there: they came, or were given back, after the preview. None where nobody tells."""
    unacked: int | None
    """Messages that workers hold, untouched; None where nobody tells."""
    given_back: int = 0
    """Of those left, how many workers gave back; of a long queue nobody knows when."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{self.queue}: {self.purged} purged"
        if self.gone:
            words += f", {self.gone} had gone before"
        if self.given_back:
            words += f", {self.given_back} that workers gave back are left"
        if self.left is None:
            return f"{words}; the broker went away before it told what is left"
        came = self.left - self.given_back
        return f"{words}, {came} came since and are left" if came > 0 else words


def preview_purge(broker: LeverBroker, queue: str, first: int = 10) -> PurgePreview:
    """Return what a purge of a queue would take away now.

    Raises:
        NotFoundError: there is no such queue.
        ServiceUnavailableError: the broker is away.
    """
    broker.require(queue)
    at = datetime.now(UTC)
    found, shown = broker.look(queue, first)
    by_priority = broker.ranked({priority: there.size for priority, there in shown.items()})
    messages = tuple(read_message(broker, one) for one in found)
    return PurgePreview(queue, at, by_priority, messages, _unacked(broker, queue), shown)


def purge(
    broker: LeverBroker,
    preview: PurgePreview,
    *,
    database: Database | None = None,
    context: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Purged:
    """Take away the messages of a preview that are still there; never others, never what workers hold.

    Should this process end half way, the rest is still in its queue. Doing it again takes the rest.

    Args:
        broker: The broker.
        preview: What was shown.
        database: Where the audit and the flight recorder are kept.
        context: Name of the fleet, for the audit.
        on_progress: Told of (purged so far, shown) after each page.

    Raises:
        RefusedError: the broker refuses.
        ServiceUnavailableError: the broker is away; what was purged before stays so.
        UnsureError: the broker's answer is lost, or the database is away after a page was taken away.
    """
    queue, named = preview.queue, [message.task_id for message in preview.first[:_MOST_NAMED]]
    detail: dict[str, Any] = {"shown": preview.total, "purged": 0, "first": named}
    with noted(database, "queue.purge", {"queue": queue}, context) as note:
        note.detail = detail

        def on_page(raws: Sequence[bytes]) -> None:
            detail["purged"] += len(raws)
            with begun("the record doesn't know of the last of them"):
                note_removed(database, [headers_of(raw) for raw in raws], "purged")
            if on_progress is not None:
                on_progress(detail["purged"], preview.total)

        try:
            given_back = broker.sweep(queue, preview.shown, on_page)
        except ServiceUnavailableError as error:
            raise type(error)(_interrupted(error, queue, detail["purged"])) from error
        left, unacked = _what_is_left(broker, queue)
        purged = detail["purged"]
        gone = max(0, preview.total - purged - given_back)
        result = Purged(queue, purged, gone, left, unacked, given_back)
        detail |= {"gone": result.gone, "left": result.left}
    return result


def _what_is_left(broker: LeverBroker, queue: str) -> tuple[int | None, int | None]:
    try:
        return broker.depth(queue), _unacked(broker, queue)
    except ServiceUnavailableError as error:
        # What was wanted is done: a question after it is no reason to call that a failure.
        logger.warning("what is left in %s is not known: %s", queue, error)
        return None, None


def _interrupted(error: ServiceUnavailableError, queue: str, purged: int) -> str:
    if not isinstance(error, UnsureError):
        return f"{purged} purged before: {error}" if purged else str(error)
    return (
        f"{purged} purged; {error}. Look into {queue} and purge what is left; a task that is gone from there"
        " and awaited by the record is published again by the reconciler"
    )


def _unacked(broker: LeverBroker, queue: str) -> int | None:
    return broker.snapshot([queue]).queues[0].unacked
