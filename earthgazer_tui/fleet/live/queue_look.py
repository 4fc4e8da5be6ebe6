"""Looking into queues and at what workers hold of them; blocks."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

from earthgazer_core import errors
from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.broker import Message
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.message import WaitingMessage
from earthgazer_core.operations.queues.peek import HeldMessage, held, peek
from earthgazer_core.recorder.redaction import MASK
from earthgazer_tui.fleet.errors import NotFoundError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.models import MessageDetail, Place, QueueContents, QueueMessage

_REMEMBERED = 1_000
_ARGUMENTS_LIMIT = 300
_VALUE_LIMIT = 2_000
_ARGUMENTS = ("argsrepr", "kwargsrepr")


class QueueLook:
    """Peeks at messages, and remembers those shown, so that a key names exactly the one that was seen."""

    def __init__(
        self,
        broker: Callable[[], LeverBroker],
        names: Names,
        visibility_timeout_s: Callable[[], float | None],
    ) -> None:
        self._broker = broker
        self._names = names
        self._visibility_timeout_s = visibility_timeout_s
        self._shown: OrderedDict[str, WaitingMessage | HeldMessage] = OrderedDict()
        self._lock = Lock()

    def contents(
        self, queue: str, limit: int, others: Sequence[str], *, is_free_to_look: bool
    ) -> QueueContents:
        """Return what is next in a queue and what workers hold of it."""
        broker, real = self._broker(), self._names.real(queue)
        # What workers take in between is in both rather than in neither.
        waiting = peek(broker, real, limit)
        try:
            by_workers = held(broker, real, limit, timeout_s=self._visibility_timeout_s())
        except errors.RefusedError:
            # RabbitMQ counts them, and shows none.
            by_workers = ()
        [state] = broker.snapshot([real]).queues
        rows = [self.waiting_row(key, one) for key, one in self.keyed(waiting).items()]
        rows += [self._held_row(key, one) for key, one in self.keyed(by_workers).items()]
        return QueueContents(queue, state.depth, state.unacked, tuple(rows), tuple(others), is_free_to_look)

    def keyed(
        self, messages: Iterable[WaitingMessage] | Iterable[HeldMessage]
    ) -> dict[str, WaitingMessage | HeldMessage]:
        """Return messages by their keys, and remember them."""
        keyed: dict[str, WaitingMessage | HeldMessage] = {}
        seen: Counter[str] = Counter()
        for message in messages:
            key = _key(message)
            # Nothing forbids two messages that are equal to the last byte.
            keyed[f"{key}#{seen[key]}" if seen[key] else key] = message
            seen[key] += 1
        with self._lock:
            for key, message in keyed.items():
                self._shown[key] = message
                self._shown.move_to_end(key)
            while len(self._shown) > _REMEMBERED:
                self._shown.popitem(last=False)
        return keyed

    def chosen(self, keys: Sequence[str]) -> list[WaitingMessage]:
        """Return the waiting messages that these keys name.

        Raises:
            NotFoundError: one was not shown lately, or is not one that waits.
        """
        with self._lock:
            found = [self._shown.get(key) for key in keys]
        waiting = [one for one in found if isinstance(one, WaitingMessage)]
        if len(waiting) < len(keys):
            raise NotFoundError("the message is no longer in its queue: look again")
        return waiting

    def detail(self, key: str) -> MessageDetail:
        """Return a message in full, as it was when last shown, and whether it is still there."""
        with self._lock:
            message = self._shown.get(key)
        if message is None:
            raise NotFoundError("the message is no longer in its queue")
        broker = self._broker()
        if isinstance(message, HeldMessage):
            found = next((one for one in broker.holding() if one.task_id == message.task_id), None)
            return self._held_detail(key, message, found, broker)
        now = next((one for one in peek(broker, message.queue, _REMEMBERED) if one.raw == message.raw), None)
        return self._waiting_detail(key, now or message, is_gone=now is None)

    def waiting_row(self, key: str, message: WaitingMessage | HeldMessage) -> QueueMessage:
        """Return a waiting message as a line of a list."""
        assert isinstance(message, WaitingMessage)  # noqa: S101 - peeked at just now
        return QueueMessage(
            key=key,
            queue=self._names.show(message.queue),
            place=Place.WAITING,
            position=message.position,
            priority=message.priority,
            task_id=sanitise.name(message.task_id),
            name=self._names.show(message.name),
            arguments=_one_line(message.args, message.kwargs),
            note=sanitise.line(message.note),
            sent_at=None,
            eta=message.eta,
            expires=message.expires,
            retries=message.retries,
            is_redelivered=message.is_redelivered,
            held_s=None,
            given_back_in_s=None,
            is_eta_too_far=False,
            follows=_names(message.follows),
        )

    def _held_row(self, key: str, message: WaitingMessage | HeldMessage) -> QueueMessage:
        assert isinstance(message, HeldMessage)  # noqa: S101 - looked at just now
        is_early = message.eta is not None and message.eta > datetime.now(UTC)
        return QueueMessage(
            key=key,
            queue=self._names.show(message.queue),
            place=Place.TIMED if is_early else Place.HELD,
            position=None,
            priority=None,
            task_id=sanitise.name(message.task_id),
            name=self._names.show(message.name),
            arguments=_one_line(message.args, message.kwargs),
            note="",
            sent_at=None,
            eta=message.eta,
            expires=None,
            retries=0,
            is_redelivered=False,
            held_s=message.held_s,
            given_back_in_s=message.redelivered_in_s,
            is_eta_too_far=message.is_eta_too_far,
            follows=(),
        )

    def _waiting_detail(self, key: str, message: WaitingMessage, *, is_gone: bool) -> MessageDetail:
        return MessageDetail(
            row=self.waiting_row(key, message),
            is_gone=is_gone,
            args=sanitise.text(message.args),
            kwargs=sanitise.text(message.kwargs),
            arguments_from=message.arguments_from,
            content_type=sanitise.line(message.content_type),
            size_bytes=message.size_bytes,
            parent_id=sanitise.optional(message.parent_id),
            root_id=sanitise.optional(message.root_id),
            group_id=sanitise.optional(message.group_id),
            links=_names(message.links),
            error_links=_names(message.error_links),
            headers=_headers(message.headers),
        )

    def _held_detail(
        self, key: str, message: HeldMessage, found: Message | None, broker: LeverBroker
    ) -> MessageDetail:
        headers = {} if found is None else dict(found.headers)
        for name in _ARGUMENTS:
            if broker.redactor.mentions_secret(str(headers.get(name) or "")):
                headers[name] = MASK
        retries = headers.get("retries")
        return MessageDetail(
            row=replace(
                self._held_row(key, message),
                retries=retries if isinstance(retries, int) else 0,
                priority=None if found is None else found.priority,
            ),
            is_gone=found is None,
            args=sanitise.text(message.args),
            kwargs=sanitise.text(message.kwargs),
            arguments_from="repr" if message.args or message.kwargs else "nowhere",
            content_type="",
            size_bytes=None,
            parent_id=sanitise.optional(headers.get("parent_id")),
            root_id=sanitise.optional(headers.get("root_id")),
            group_id=sanitise.optional(headers.get("group")),
            links=(),
            error_links=(),
            headers=_headers(headers),
        )


def sent_times(session: Session, task_ids: Sequence[str]) -> dict[str, datetime]:
    """Return when these tasks were published, by the flight recorder."""
    row = TaskExecutionRow
    found = session.execute(
        select(row.task_id, row.sent_at).where(row.task_id.in_(task_ids), row.sent_at.is_not(None))
    )
    return {task_id: at for task_id, at in found if at is not None}


def with_sent_times(contents: QueueContents, sent: Mapping[str, datetime]) -> QueueContents:
    """Return contents with the times at which its messages were published."""
    return replace(
        contents,
        messages=tuple(replace(one, sent_at=sent.get(one.task_id)) for one in contents.messages),
    )


def _key(message: WaitingMessage | HeldMessage) -> str:
    if isinstance(message, HeldMessage):
        return f"held {message.task_id}"
    return hashlib.sha1(message.raw, usedforsecurity=False).hexdigest()


def _one_line(args: str, kwargs: str) -> str:
    parts = [part for part in (args, kwargs) if part not in ("", "[]", "()", "{}")]
    return sanitise.line("  ".join(parts), _ARGUMENTS_LIMIT)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sanitise.name(name) for name in names)


def _headers(headers: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            sanitise.name(name),
            sanitise.line(value if isinstance(value, str) else json.dumps(value, default=str), _VALUE_LIMIT),
        )
        for name, value in sorted(headers.items())
    )
