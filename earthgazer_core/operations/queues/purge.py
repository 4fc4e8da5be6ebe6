"""Emptying a queue of exactly the messages that somebody was shown before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.operations.noted import noted
from earthgazer_core.operations.queues.broker import Layout, QueueBroker
from earthgazer_core.operations.queues.message import WaitingMessage, headers_of
from earthgazer_core.operations.queues.peek import PAGE, peek
from earthgazer_core.operations.queues.record import note_removed

_MOST_NAMED = 100

_PURGE = """
local wanted = {}
for i = 2, #ARGV do wanted[ARGV[i]] = true end
local found = {}
for _, raw in ipairs(redis.call('LRANGE', KEYS[1], -tonumber(ARGV[1]), -1)) do
  if wanted[redis.sha1hex(raw)] then
    redis.call('LREM', KEYS[1], -1, raw)
    found[#found + 1] = redis.sha1hex(raw)
  end
end
return found
"""


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
    unacked: int
    """Messages of this queue that workers hold: a purge leaves them alone."""
    digests: Mapping[int, frozenset[str]] = field(repr=False)
    """The messages themselves, by priority step, as SHA-1 of their bytes."""

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
    """Messages taken away; all of them had been shown."""
    gone: int
    """Messages shown that workers or others had taken before."""
    left: int
    """Messages still there: they came after the preview."""
    unacked: int
    """Messages that workers hold, untouched."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{self.queue}: {self.purged} purged"
        if self.gone:
            words += f", {self.gone} had gone before"
        return f"{words}, {self.left} came since and are left" if self.left else words


def preview_purge(broker: QueueBroker, queue: str, first: int = 10) -> PurgePreview:
    """Return what a purge of a queue would take away now.

    Raises:
        NotFoundError: there is no such queue.
        ServiceUnavailableError: the broker is away.
    """
    broker.require(queue)
    at = datetime.now(UTC)
    digests: dict[int, frozenset[str]] = {}
    sizes: dict[int, int] = {}
    with broker.opened() as layout:
        for step in layout.steps:
            seen: list[str] = []
            key = layout.list_key(queue, step)
            while raws := layout.client.lrange(key, -(len(seen) + PAGE), -(len(seen) + 1)):
                seen += [_digest(raw) for raw in reversed(raws)]
            digests[step], sizes[step] = frozenset(seen), len(seen)
        shown = tuple(
            message
            for message in peek(broker, queue, first)
            if _digest(message.raw) in digests[message.priority]
        )
        by_priority = tuple((step, size) for step, size in sizes.items() if size or step == layout.steps[0])
    return PurgePreview(queue, at, by_priority, shown, _unacked(broker, queue), digests)


def purge(
    broker: QueueBroker,
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
        ServiceUnavailableError: the broker is away, or the database after a page was taken away.
    """
    queue, named = preview.queue, [message.task_id for message in preview.first[:_MOST_NAMED]]
    detail: dict[str, Any] = {"shown": preview.total, "purged": 0, "first": named}
    with noted(database, "queue.purge", {"queue": queue}, context) as note:
        note.detail = detail
        with broker.opened() as layout:
            script = layout.client.register_script(_PURGE)
            for step, wanted in preview.digests.items():
                # What workers take meanwhile moves the pages: a second look finds what the first missed.
                while wanted and (found := _sweep(layout, script, layout.list_key(queue, step), wanted)):
                    detail["purged"] += len(found)
                    note_removed(database, found, "purged")
                    if on_progress is not None:
                        on_progress(detail["purged"], preview.total)
            left = sum(size for _, size in layout.sizes(queue))
        purged = detail["purged"]
        result = Purged(queue, purged, preview.total - purged, left, _unacked(broker, queue))
        detail |= {"gone": result.gone, "left": result.left}
    return result


def _sweep(layout: Layout, script: Any, key: str, wanted: frozenset[str]) -> list[Mapping[str, Any]]:
    """Take away the next page that has wanted messages; return their headers, none at the end."""
    passed = 0
    while raws := layout.client.lrange(key, -(passed + PAGE), -(passed + 1)):
        by_digest = {_digest(raw): raw for raw in raws}
        victims = [digest for digest in by_digest if digest in wanted]
        if victims:
            taken = script(keys=[key], args=[passed + len(raws), *victims])
            found = [by_digest[digest.decode()] for digest in taken]
            if found:
                return [headers_of(raw) for raw in found]
            # Workers took all of them just now: look at what has come into their places.
            continue
        passed += len(raws)
    return []


def _unacked(broker: QueueBroker, queue: str) -> int:
    return broker.snapshot([queue]).queues[0].unacked


def _digest(raw: bytes) -> str:
    # SHA-1 is what scripts in the broker can compute; it tells messages apart, it guards nothing.
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()
