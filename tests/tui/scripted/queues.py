"""Scripted queues and messages."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.fleet.errors import NotFoundError
from earthgazer_tui.fleet.models import (
    ActionResult,
    MessageDetail,
    MovePlan,
    PurgePlan,
    QueueContents,
    QueueHour,
    QueueMessage,
)
from tests.tui.scripted.base import ScriptedVerbs


class ScriptedQueues(ScriptedVerbs):
    """Answers from its public attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.queue_messages: dict[str, tuple[QueueMessage, ...]] = {}
        self.message_details: dict[str, MessageDetail] = {}
        self.hours: dict[str, QueueHour] = {}

    async def queue_contents(self, queue: str, limit: int = 200) -> QueueContents:
        self._ask("queue_contents", queue)
        if queue not in self.queue_messages:
            raise NotFoundError(f"there is no queue {queue}")
        messages = self.queue_messages[queue]
        held = sum(one.held_s is not None for one in messages)
        others = tuple(name for name in self.queue_messages if name != queue)
        return QueueContents(queue, len(messages) - held, held, messages, others)

    async def queue_message(self, queue: str, key: str) -> MessageDetail:
        self._ask("queue_message", queue, key)
        if key not in self.message_details:
            raise NotFoundError("the message is no longer in its queue")
        return self.message_details[key]

    async def queue_hour(self, queue: str) -> QueueHour:
        self._ask("queue_hour", queue)
        return self.hours.get(queue) or QueueHour(queue, ())

    async def plan_move(
        self, queue: str, keys: Sequence[str] | None, to_queue: str | None, to_priority: int | None
    ) -> MovePlan:
        self._ask("plan_move", queue, keys, to_queue, to_priority)
        messages = self.queue_messages.get(queue, ())
        chosen = tuple(one for one in messages if keys is None or one.key in keys)
        return MovePlan(queue, len(chosen), chosen[:10], 0)

    async def move_messages(
        self, queue: str, keys: Sequence[str] | None, to_queue: str | None, to_priority: int | None
    ) -> ActionResult:
        return self._do("move_messages", queue, None if keys is None else tuple(keys), to_queue, to_priority)

    async def delete_messages(self, queue: str, keys: Sequence[str]) -> ActionResult:
        return self._do("delete_messages", queue, tuple(keys))

    async def plan_purge(self, queue: str) -> PurgePlan:
        self._ask("plan_purge", queue)
        messages = self.queue_messages.get(queue, ())
        return PurgePlan(queue, "t1", len(messages), ((0, len(messages)),), messages[:10], 2)

    async def purge_queue(self, queue: str, token: str) -> ActionResult:
        return self._do("purge_queue", queue, token)

    async def pause_queue(self, queue: str) -> ActionResult:
        return self._do("pause_queue", queue)

    async def resume_queue(self, queue: str) -> ActionResult:
        return self._do("resume_queue", queue)
