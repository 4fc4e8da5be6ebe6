"""A web server that answers as badly as one can."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Way = Callable[[BaseHTTPRequestHandler], None]
"""Writes a whole answer."""


class HostileServer:
    """Answers each path in its own way; any other with 404."""

    def __init__(self) -> None:
        self.ways: dict[str, Way] = {}
        self.asked: list[str] = []
        self._is_ending = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                owner.asked.append(f"{self.command} {self.path}")
                way = owner.ways.get(self.path.split("?")[0])
                try:
                    if way is None:
                        self.send_error(404)
                    else:
                        way(self)
                except (OSError, ValueError):
                    self.close_connection = True

            do_POST = do_DELETE = do_PUT = do_GET  # noqa: N815 - names of the standard library

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Say nothing about clients that go."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def port(self) -> int:
        """Its port."""
        return int(self._server.server_address[1])

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve."""
        self._thread.start()
        try:
            yield
        finally:
            self._is_ending.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(10)

    def drip(self, first: bytes, headers: dict[str, str] | None = None) -> Way:
        """Send one byte every twentieth of a second, without end."""

        def way(handler: BaseHTTPRequestHandler) -> None:
            _head(handler, 200, headers or {})
            handler.wfile.write(first)
            while not self._is_ending.wait(0.05):
                handler.wfile.write(b" ")
                handler.wfile.flush()

        return way

    def endless(self, chunk: bytes, headers: dict[str, str] | None = None) -> Way:
        """Send the same over and over."""

        def way(handler: BaseHTTPRequestHandler) -> None:
            _head(handler, 200, headers or {})
            while not self._is_ending.is_set():
                handler.wfile.write(chunk)

        return way

    def silent(self) -> Way:
        """Take the request and say nothing."""

        def way(_: BaseHTTPRequestHandler) -> None:
            self._is_ending.wait(60)

        return way


def body(data: bytes, headers: dict[str, str] | None = None, status: int = 200) -> Way:
    """Send a whole body."""

    def way(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, status, {"Content-Length": str(len(data)), **(headers or {})})
        handler.wfile.write(data)

    return way


def document(value: Any) -> Way:
    """Send JSON."""
    return body(json.dumps(value).encode(), {"Content-Type": "application/geo+json"})


def packed(count: int, chunk: bytes = b" " * (1 << 20)) -> Way:
    """Send so many megabytes as a gzip stream of a thousandth."""
    data = gzip.compress(chunk * count, 9)
    return body(data, {"Content-Encoding": "gzip"})


def redirect(target: str, status: int = 302) -> Way:
    """Send elsewhere."""
    return body(b"", {"Location": target}, status)


def raw(data: bytes) -> Way:
    """Send bytes that need be no HTTP."""

    def way(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_WR)
        handler.close_connection = True

    return way


def _head(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.close_connection = True
