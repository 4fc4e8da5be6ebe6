"""Queues and the messages in them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import ParamSpec

from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.live.verbs.base import ACT_S, READ_S, LiveVerbs
from earthgazer_tui.fleet.models import (
    ActionResult,
    MessageDetail,
    MovePlan,
    PurgePlan,
    QueueContents,
    QueueHour,
)

MANY_S = 600.0
"""Longest wait for what is done to all messages of a queue; it goes on when nobody waits any more."""

P = ParamSpec("P")

logger = logging.getLogger(__name__)


class LiveQueues(LiveVerbs):
    """Queues and the messages in them."""

    async def queue_contents(self, queue: str, limit: int = 200) -> QueueContents:
        """Return what is next in a queue and what workers hold of it."""
        session = self._open_session()
        contents = await self._runner.run(
            READ_S,
            session.queue_actions.look.contents,
            queue,
            limit,
            session.other_queues(queue),
            is_free_to_look=session.services.is_redis,
        )
        from earthgazer_tui.fleet.live.queue_look import sent_times, with_sent_times

        ids = [one.task_id for one in contents.messages if one.task_id]
        sent = session.sent_times(ids)
        if session.services.database is not None:
            try:
                sent |= await self._read(sent_times, ids)
            except FleetError as error:
                # Only ages are missing then; that the database is down is told elsewhere.
                logger.info("no ages of messages: %s", error)
        return with_sent_times(contents, sent)

    async def queue_message(self, queue: str, key: str) -> MessageDetail:
        """Return one message in full."""
        return await self._runner.run(READ_S, self._open_session().queue_actions.look.detail, key)

    async def queue_hour(self, queue: str) -> QueueHour:
        """Return the depth of a queue over the last hour, as far as this console has watched it."""
        return self._open_session().queue_hour(queue)

    async def plan_move(
        self, queue: str, keys: Sequence[str] | None, to_queue: str | None, to_priority: int | None
    ) -> MovePlan:
        """Return what a move would do; nothing is changed."""
        actions = self._open_session().queue_actions
        return await self._runner.run(ACT_S, actions.plan_move, queue, keys, to_queue, to_priority)

    async def move_messages(
        self, queue: str, keys: Sequence[str] | None, to_queue: str | None, to_priority: int | None
    ) -> ActionResult:
        """Move messages that still wait."""
        actions = self._changing().queue_actions
        return await self._act_long(actions.move, queue, keys, to_queue, to_priority)

    async def delete_messages(self, queue: str, keys: Sequence[str]) -> ActionResult:
        """Delete messages that still wait."""
        return await self._act(self._changing().queue_actions.delete, queue, keys)

    async def plan_purge(self, queue: str) -> PurgePlan:
        """Return what a purge would delete; nothing is changed."""
        return await self._runner.run(ACT_S, self._open_session().queue_actions.plan_purge, queue)

    async def purge_queue(self, queue: str, token: str) -> ActionResult:
        """Delete the messages of a plan that still wait."""
        return await self._act_long(self._changing().queue_actions.purge, queue, token)

    async def pause_queue(self, queue: str) -> ActionResult:
        """Have all consumers of a queue stop taking messages."""
        return await self._act(self._changing().queue_actions.pause, queue)

    async def resume_queue(self, queue: str) -> ActionResult:
        """Have the workers that consumed a queue before its pause go on."""
        return await self._act(self._changing().queue_actions.resume, queue)

    async def _act_long(
        self, verb: Callable[P, ActionResult], *args: P.args, **kwargs: P.kwargs
    ) -> ActionResult:
        session = self._open_session()
        try:
            return await self._runner.act(MANY_S, verb, *args, **kwargs)
        finally:
            session.look_again()
