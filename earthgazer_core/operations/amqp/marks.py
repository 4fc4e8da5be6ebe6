"""What operators keep for each other in a RabbitMQ broker: one message in a queue, changed under a lock."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from amqp.exceptions import NotFound, ResourceLocked
from celery import Celery

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations.amqp.broker import OWN_QUEUES
from earthgazer_core.operations.amqp.link import doubted, linked
from earthgazer_core.operations.amqp.publish import SurePublisher

_KEPT, _LOCK = OWN_QUEUES
_PATIENCE_S = 5.0
_ABSENT_S = 5.0
_LOOK_AGAIN_S = 0.02


class BrokerMarks:
    """Marks by queue; AMQP has no other store that every operator reaches.

    The newest message of a durable queue holds all of them. Who reads or changes it owns an exclusive
    queue meanwhile, which goes with the connection should the process die.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._absent_until = 0.0

    def read(self, connection: Any) -> Mapping[str, bytes]:
        """Return all marks, some seconds late where there were none; nothing is made in the broker."""
        if time.monotonic() < self._absent_until:
            return {}
        if not _is_there(connection):
            self._absent_until = time.monotonic() + _ABSENT_S
            return {}
        with _locked(connection):
            channel = connection.channel()
            marks, _ = _newest(channel)
            # Closing gives the message back.
            channel.close()
        return marks

    def swap(self, queue: str, before: bytes, after: bytes) -> bool:
        """Put a mark in the place of another (empty for none); return False where that isn't there."""
        self._absent_until = 0.0
        with linked(self._app) as connection, _locked(connection):
            channel = connection.channel()
            channel.queue_declare(queue=_KEPT, durable=True, auto_delete=False)
            marks, tag = _newest(channel)
            is_same = marks.get(queue, b"") == before
            if is_same:
                changed = {name: mark for name, mark in marks.items() if name != queue}
                if after:
                    changed[queue] = after
                text = json.dumps({name: b64encode(mark).decode() for name, mark in changed.items()})
                publisher = SurePublisher(connection)
                with doubted(f"{queue} may have been marked so: look whether it is paused"):
                    publisher.publish(text, _KEPT, content_type="application/json", delivery_mode=2)
                    publisher.close()
                    if tag is not None:
                        channel.basic_ack(tag, multiple=True)
                    channel.close()
            else:
                channel.close()
        return is_same


def _is_there(connection: Any) -> bool:
    channel = connection.channel()
    try:
        channel.queue_declare(queue=_KEPT, passive=True)
    except NotFound:
        return False
    channel.close()
    return True


@contextmanager
def _locked(connection: Any) -> Iterator[None]:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        channel = connection.channel()
        try:
            channel.queue_declare(queue=_LOCK, exclusive=True, durable=False)
            break
        except ResourceLocked as error:
            if time.monotonic() > deadline:
                raise ServiceUnavailableError("another operator keeps the marks of pauses locked") from error
            time.sleep(_LOOK_AGAIN_S)
    try:
        yield
    except BaseException:
        # The lock goes with the connection. A good-bye that isn't answered would hide what went wrong.
        connection.collect()
        raise
    try:
        channel.queue_delete(_LOCK)
        channel.close()
    except connection.connection_errors:
        # What was wanted under it is done: likewise.
        connection.collect()


def _newest(channel: Any) -> tuple[dict[str, bytes], int | None]:
    """Return (marks, delivery tag) of the newest message; those before it are of writers that died."""
    newest: Any = None
    while (message := channel.basic_get(_KEPT)) is not None:
        newest = message
    if newest is None:
        return {}, None
    tag: int = newest.delivery_info["delivery_tag"]
    try:
        return {name: b64decode(mark) for name, mark in json.loads(newest.body).items()}, tag
    except (ValueError, TypeError, AttributeError):
        # Somebody else's writing, which holds no marks of ours.
        return {}, tag
