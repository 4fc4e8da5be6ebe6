"""Queues and the messages in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from earthgazer_tui.fleet.models import (
    ActionResult,
    MessageDetail,
    MovePlan,
    PurgePlan,
    QueueContents,
    QueueHour,
)


class QueuesVerbs(Protocol):
    """Queues and the messages in them.

    Keys name messages as they were last shown; each is looked for again, by its exact bytes, at the
    moment of acting.
    """

    async def queue_contents(self, queue: str, limit: int = 200) -> QueueContents:
        """Return what is next in a queue and what workers hold of it, ``limit`` of each at most.

        Raises:
            NotFoundError: there is no such queue any more.
        """

    async def queue_message(self, queue: str, key: str) -> MessageDetail:
        """Return one message in full.

        Raises:
            NotFoundError: it was not shown lately.
        """

    async def queue_hour(self, queue: str) -> QueueHour:
        """Return the depth of a queue over the last hour, as far as this console has watched it."""

    async def plan_move(
        self, queue: str, keys: Sequence[str] | None, to_queue: str | None, to_priority: int | None
    ) -> MovePlan:
        """Return what a move would do; nothing is changed.

        Args:
            queue: Where the messages are.
            keys: The messages; None is all that wait.
            to_queue: Another queue; None stays.
            to_priority: Another priority, 0 (first) to 9 (last); None leaves each its own.

        Raises:
            FleetError: there is no such target, or nothing to move.
        """

    async def move_messages(
        self, queue: str, keys: Sequence[str] | None, to_queue: str | None, to_priority: int | None
    ) -> ActionResult:
        """Move messages that still wait; see :meth:`plan_move`.

        Whatever happens meanwhile none is lost; should RabbitMQ's console die, one may be in both places.
        """

    async def delete_messages(self, queue: str, keys: Sequence[str]) -> ActionResult:
        """Delete messages that still wait; their tasks will never run."""

    async def plan_purge(self, queue: str) -> PurgePlan:
        """Return what a purge would delete; nothing is changed."""

    async def purge_queue(self, queue: str, token: str) -> ActionResult:
        """Delete the messages of a plan that still wait; never others, never what workers hold."""

    async def pause_queue(self, queue: str) -> ActionResult:
        """Have all consumers of a queue stop taking messages; kept in the broker until it is resumed."""

    async def resume_queue(self, queue: str) -> ActionResult:
        """Have the workers that consumed a queue before its pause go on."""
