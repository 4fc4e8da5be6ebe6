"""The broker as Doctor sees it: its queues, the server's own figures, and who listens."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from types import TracebackType
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import KombuError

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.doctor.glob import glob
from earthgazer_core.operations.doctor.observations import (
    BrokerSeen,
    Pause,
    ReplyList,
    ServerSeen,
    Unread,
    WorkerSeen,
)
from earthgazer_core.operations.listeners import count_listeners, topic
from earthgazer_core.operations.noted import begun
from earthgazer_core.operations.queues.lever_broker import LeverBroker, lever_broker
from earthgazer_core.operations.queues.marks import pauses
from earthgazer_core.operations.queues.message import read_message
from earthgazer_core.operations.queues.undelivered import addressee
from earthgazer_core.operations.visibility import visibility_timeout_s

_PATIENCE_S = 3.0
_PEEK = 200
_MOST_HELD = 5_000
_SCAN_PAGE = 5_000
_SCAN_S = 2.0
_LISTEN_S = 0.1
_MOST_SECONDS = 1e12


class BrokerWatch:
    """A connection that listens to the fleet's events while workers are asked, and looks twice.

    It changes nothing: the one message that it publishes is addressed to nobody, and shows by its
    number of receivers how many workers hear commands.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Any = app.connection_for_read()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="doctor-events", daemon=True)
        self._skews: dict[str, float] = {}
        self._event_senders: set[str] = set()

    def __enter__(self) -> BrokerWatch:
        with _translated():
            self._connection.transport_options.setdefault("socket_timeout", _PATIENCE_S)
            self._connection.transport_options.setdefault("socket_connect_timeout", _PATIENCE_S)
            self._connection.connect()
            self._channel = self._connection.channel()
            self._client = redis.Redis(connection_pool=self._channel.pool)
            self._server = self._look()
            self._replies = self._unread_replies()
            client: Any = self._client
            self._events = client.pubsub()
            self._events.psubscribe(f"{glob(topic(self._channel, 'celeryev'))}*")
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hush()
        if hasattr(self, "_events"):
            self._events.close()
            self._channel.close()
        self._connection.release()

    def seen(self, broker: RedisBroker, workers: Sequence[WorkerSeen]) -> BrokerSeen:
        """Return the broker after workers were asked."""
        with _translated():
            server = replace(self._server, orphan_replies=tuple(self._orphans()))
        consumers: dict[str, int] = {}
        for worker in workers:
            for queue in worker.report.queues:
                consumers[queue] = consumers.get(queue, 0) + 1
        snapshot = broker.snapshot(broker.queue_names(also=consumers), consumers)
        told = [worker.conf for worker in workers if worker.conf is not None]
        limit_s = visibility_timeout_s(told, snapshot.visibility_timeout_s)
        snapshot = replace(snapshot, visibility_timeout_s=limit_s)
        waiting = [
            message for queue in snapshot.queues if queue.depth for message in broker.peek(queue.name, _PEEK)
        ]
        held = islice(broker.messages(()), _MOST_HELD) if snapshot.unacked else ()
        with closing(lever_broker(self._app)) as lever:
            unread = tuple(_unread(lever, [queue.name for queue in snapshot.queues if queue.depth]))
        undelivered = {
            queue: Counter(
                addressee(self._app, broker.bindings, message.envelope)
                for message in waiting
                if message.queue == queue
            )
            for queue in broker.undelivered
        }
        return BrokerSeen(
            snapshot, tuple(waiting), tuple(held), server, _pauses(self._app), unread, undelivered
        )

    def delete_orphans(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Delete those of these lists of answers that nobody has fetched from since this watch began."""
        with _translated():
            orphans = {one.key for one in self._orphans()} & set(keys)
        with begun("some of these lists may be gone: look again"), _translated():
            client: Any = self._client
            for key in orphans:
                client.delete(key)
        return tuple(sorted(orphans))

    def heard(self, workers: Iterable[WorkerSeen]) -> tuple[WorkerSeen, ...]:
        """Return the workers with what their events told of them."""
        self._hush()
        return tuple(
            replace(
                worker,
                skew_s=self._skews.get(worker.name),
                sends_events=worker.sends_events or worker.name in self._event_senders,
            )
            for worker in workers
        )

    def _hush(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                message = self._events.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_S)
            except (redis.RedisError, OSError):
                # The look at the server that follows tells of it.
                return
            for event in _events_in(message) if message else ():
                self._note(event, time.time())

    def _note(self, event: dict[str, Any], now: float) -> None:
        worker, kind, at = str(event.get("hostname")), str(event.get("type")), event.get("timestamp")
        if kind.startswith("task-") and kind != "task-sent":
            self._event_senders.add(worker)
        elif kind == "worker-heartbeat" and isinstance(at, int | float) and abs(at) < _MOST_SECONDS:
            # Delivery takes time, so the smallest difference is the nearest to the truth.
            skew = at - now
            self._skews[worker] = min(skew, self._skews.get(worker, skew), key=abs)

    def _look(self) -> ServerSeen:
        client: Any = self._client
        asked = time.time()
        seconds, microseconds = client.time()
        skew = seconds + microseconds / 1e6 - (asked + time.time()) / 2
        info = client.info("everything")
        return ServerSeen(
            used_bytes=int(info.get("used_memory", 0)),
            limit_bytes=int(info.get("maxmemory", 0)),
            machine_bytes=int(info.get("total_system_memory", 0)),
            policy=str(info.get("maxmemory_policy", "")),
            is_persistent=self._is_persistent(info),
            write_errors=tuple(
                name
                for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
                if info.get(name, "ok") != "ok"
            ),
            cut_subscribers=int(info.get("client_output_buffer_limit_disconnections", 0)),
            skew_s=skew,
            listeners=count_listeners(self._app, client, self._channel),
            bound_workers=self._bound_workers(),
            orphan_replies=(),
        )

    def _is_persistent(self, info: dict[str, Any]) -> bool | None:
        if info.get("aof_enabled"):
            return True
        client: Any = self._client
        try:
            return bool(client.config_get("save").get("save"))
        except redis.ResponseError:
            # Managed servers keep their configuration to themselves.
            return None

    def _bound_workers(self) -> tuple[str, ...]:
        exchange = self._control.exchange.name
        members: Any = self._client.smembers(self._key(self._channel.keyprefix_queue % exchange))
        queues = (member.decode(errors="replace").rsplit(self._channel.sep, 1)[-1] for member in members)
        return tuple(sorted(queue.removesuffix(f".{exchange}") for queue in queues))

    def _unread_replies(self) -> dict[bytes, bytes]:
        """Return lists of answers with their oldest answer."""
        client: Any = self._client
        pattern = f"{glob(self._key(''))}*.{glob(self._control.reply_exchange.name)}"
        deadline = time.monotonic() + _SCAN_S
        found = {}
        for key in client.scan_iter(match=pattern, count=_SCAN_PAGE, _type="list"):
            found[key] = client.lindex(key, -1)
            if time.monotonic() > deadline:
                break
        return found

    def _orphans(self) -> Iterator[ReplyList]:
        client: Any = self._client
        for key, oldest in self._replies.items():
            # Whoever still reads takes the oldest first.
            if oldest is not None and client.lindex(key, -1) == oldest:
                size = client.memory_usage(key) or 0
                yield ReplyList(key.decode(errors="replace"), client.llen(key), size)

    @property
    def _control(self) -> Any:
        return self._app.control.mailbox  # type: ignore[attr-defined]

    def _key(self, name: str) -> str:
        return f"{self._channel.global_keyprefix}{name}"


def _unread(broker: LeverBroker, queues: Iterable[str]) -> Iterator[Unread]:
    for queue in queues:
        found: Counter[tuple[str, bool]] = Counter()
        for stored in broker.waiting(queue, _PEEK):
            message = read_message(broker, stored)
            if message.note and message.arguments_from != "message" and not message.is_hidden:
                found[message.note, bool(message.name)] += 1
        for (reason, is_call), count in sorted(found.items()):
            yield Unread(queue, reason, is_call and "not opened" in reason, count)


def _pauses(app: Celery) -> tuple[Pause, ...]:
    with closing(lever_broker(app)) as broker:
        kept = pauses(broker)
    return tuple(
        Pause(one.queue, one.who, one.at, tuple(consumer.worker for consumer in one.consumers))
        for one in kept
        if not one.is_ending
    )


def _events_in(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        envelope = json.loads(message["data"])
        body = envelope["body"]
        if envelope["properties"].get("body_encoding") == "base64":
            body = b64decode(body)
        decoded = json.loads(body) if envelope.get("content-type") == "application/json" else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # Others may publish here as well; what is no event of Celery's is no evidence.
        return
    for event in decoded if isinstance(decoded, list) else [decoded]:
        if isinstance(event, dict):
            yield event


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, KombuError, OSError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ServiceUnavailableError(f"broker unavailable: {reason}") from error
