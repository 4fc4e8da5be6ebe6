"""A TCP proxy that fails as networks do: it swallows bytes, says nothing, cuts, or dawdles."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Literal, Self

Way = Literal["both", "up", "down"]
"""Which bytes are swallowed: those to the server, those from it, or all."""

_CHUNK: Final = 65_536
_TICK_S: Final = 0.05
_RESET: Final = struct.pack("ii", 1, 0)


class FaultyProxy:
    """Listens on a loopback port in front of a server; does nothing wrong until told to.

    What it swallows it takes and acknowledges, as the kernel of a host does whose process hangs.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        """Begin to listen.

        Args:
            connect: Connects to the server.
        """
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        """Where it listens."""
        self._swallows_up = self._swallows_down = False
        self._delay_s = 0.0
        self._word, self._then_cuts = b"", False
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="faulty-proxy", daemon=True)
        self._thread.start()

    def swallow(self, way: Way = "both") -> None:
        """Take bytes and pass on none, on connections there are and on new ones."""
        self._swallows_up, self._swallows_down = way in ("both", "up"), way in ("both", "down")

    def swallow_answers_to(self, word: bytes, *, then_cuts: bool = False) -> None:
        """Pass on what has this in it, and from then on nothing that comes back.

        Args:
            word: What to wait for.
            then_cuts: Reset the connection that it came by, a moment later.
        """
        self._word, self._then_cuts = word, then_cuts

    def dawdle(self, delay_s: float) -> None:
        """Keep everything for so long before it is passed on."""
        self._delay_s = delay_s

    def cut(self) -> None:
        """Reset every connection."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.reset()

    def heal(self) -> None:
        """Do nothing wrong any more; connections whose bytes were lost end, as the far host would."""
        was_lossy = self._swallows_up or self._swallows_down
        self._swallows_up = self._swallows_down = False
        self._word = b""
        self._delay_s = 0.0
        if was_lossy:
            self.cut()

    def close(self) -> None:
        """End everything."""
        self._is_over.set()
        self._thread.join()
        self._listener.close()
        self.cut()
        with self._lock:
            links = list(self._links)
        for link in links:
            link.thread.join()

    def _accept(self) -> None:
        while not self._is_over.is_set():
            if not select.select([self._listener], [], [], _TICK_S)[0]:
                continue
            client, _ = self._listener.accept()
            link = _Link(self, client)
            with self._lock:
                self._links.add(link)
            link.thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Link:
    """One connection and the one behind it, carried by a thread."""

    def __init__(self, proxy: FaultyProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server: socket.socket | None = None
        self._is_cut = threading.Event()
        self._cut_at = float("inf")
        self.thread = threading.Thread(target=self._carry, name="faulty-link", daemon=True)

    def reset(self) -> None:
        """End it at once, without a good-bye."""
        self._is_cut.set()

    def _carry(self) -> None:
        try:
            self._pump()
        except OSError:
            # An end that has gone takes the other along.
            self._is_cut.set()
        finally:
            with self._proxy._lock:
                self._proxy._links.discard(self)
            for end in (self._client, self._server):
                if end is None:
                    continue
                if self._is_cut.is_set() and end is self._client:
                    with suppress(OSError):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.close()

    def _pump(self) -> None:
        proxy, waiting = self._proxy, deque[tuple[float, socket.socket, bytes]]()
        while not self._is_cut.is_set():
            if self._server is None and not proxy._swallows_up:
                self._server = proxy._connect()
            ends = [end for end in (self._client, self._server) if end is not None]
            pause_s = _TICK_S if not waiting else min(_TICK_S, max(0.0, waiting[0][0] - time.monotonic()))
            for end in select.select(ends, [], [], pause_s)[0]:
                data = end.recv(_CHUNK)
                if not data:
                    return
                to_server = end is self._client
                if proxy._swallows_up if to_server else proxy._swallows_down:
                    continue
                if to_server and proxy._word and proxy._word in data:
                    proxy._swallows_down = True
                    if proxy._then_cuts:
                        self._cut_at = time.monotonic() + _TICK_S
                other = self._server if to_server else self._client
                assert other is not None
                waiting.append((time.monotonic() + proxy._delay_s, other, data))
            while waiting and waiting[0][0] <= time.monotonic():
                _, other, data = waiting.popleft()
                other.sendall(data)
            if time.monotonic() > self._cut_at:
                self._is_cut.set()
