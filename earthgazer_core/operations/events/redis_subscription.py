"""A subscription to the event channel of a Redis broker: the quickest honest way to its bytes."""

from __future__ import annotations

import select
import socket
import ssl
from typing import Any

import hiredis
from celery import Celery
from redis.exceptions import ConnectionError as RedisConnectionError

from earthgazer_core.operations.events.envelope import events_of

_CHUNK = 128 * 1024
_MUCH = 64 * 1024
"""What Redis writes at a time to who has more to get."""
_MESSAGES = (b"pmessage", b"message")


class RedisSubscription:
    """One connection that listens to the app's event channel.

    Kombu makes and greets the connection (TLS, Sentinel, password, unix socket, as the app is
    configured); from there the socket is read directly, which takes half the time of a client.
    """

    def __init__(self, app: Celery) -> None:
        self._connection: Any = app.connection_for_read()
        self._link: Any = None
        self._reader = hiredis.Reader()
        self._exchange: str = app.conf.event_exchange
        self._poll = select.poll()
        self.is_behind = False
        self.is_drained = True

    def open(self, timeout_s: float = 5.0) -> None:
        """Connect and subscribe.

        Raises:
            redis.exceptions.RedisError, OSError, kombu's OperationalError: the broker can't be reached.
        """
        channel = self._connection.channel()
        # Kombu prefixes what it publishes only as it sends it.
        prefix = channel.global_keyprefix
        topics = [f"{prefix}{topic}" for topic in channel._get_publish_topics(self._exchange, "*")]
        # The channel's own pool: its connections are greeted as the app wants it.
        self._link = channel.pool.make_connection()
        self._link.connect()
        self._link.send_command("PSUBSCRIBE", *topics)
        self._socket.settimeout(timeout_s)
        self._poll.register(self._socket, select.POLLIN)

    @property
    def _socket(self) -> socket.socket:
        found = self._link._sock
        if found is None:
            raise RedisConnectionError("the broker closed the connection")
        return found  # type: ignore[no-any-return]

    def ping(self) -> None:
        """Ask for a sign of life; the answer is read, and left out, by :meth:`read`."""
        self._socket.sendall(b"*1\r\n$4\r\nPING\r\n")

    def read(self, timeout_s: float) -> list[bytes] | None:
        """Return the payloads of what has come, None if nothing came within ``timeout_s``.

        Raises:
            redis.exceptions.ConnectionError, OSError: the connection is gone.
        """
        link, reader = self._socket, self._reader
        link.settimeout(timeout_s)
        waited = self._holds_more(link)
        size = 0
        # TLS gives a record at a time, and other sockets what one write of the broker's brought.
        while size == 0 or (size < _CHUNK and self._holds_more(link)):
            try:
                chunk = link.recv(_CHUNK - size)
            except TimeoutError:
                break
            if not chunk:
                raise RedisConnectionError("the broker closed the connection")
            reader.feed(chunk)
            size += len(chunk)
        # How long a read takes says nothing on a busy machine, and what we had to wait for may be a burst.
        self.is_drained = size < _MUCH
        self.is_behind = waited and not self.is_drained
        if not size:
            return None
        payloads = []
        while (item := reader.gets()) is not False:
            if isinstance(item, list) and len(item) >= 3 and item[0] in _MESSAGES:
                payloads.append(item[-1])
            elif isinstance(item, hiredis.ReplyError):
                raise RedisConnectionError(str(item))
        return payloads

    def _holds_more(self, link: socket.socket) -> bool:
        # TLS may hold what the socket no longer has.
        held = link.pending() if isinstance(link, ssl.SSLSocket) else 0
        return bool(held or self._poll.poll(0))

    @staticmethod
    def events_of(payload: bytes) -> list[dict[str, Any]]:
        """Return the events of one payload.

        Raises:
            ValueError: it is not JSON, or neither an event nor a list of events.
        """
        return events_of(payload)

    def close(self) -> None:
        """Let go of the connection."""
        if self._link is not None:
            self._link.disconnect()
        self._connection.release()
