"""A web server on loopback that does ranges, and does badly on demand."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from earthgazer_core.hosts import Hosts

LOOPBACK: Final = Hosts(named=("127.0.0.1",))
"""Lets downloads come from here, where none that a catalogue names may."""


@dataclass(frozen=True)
class Answer:
    """A whole answer in place of the file."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Cut:
    """Close the connection after so many bytes of the body."""

    after: int


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Route = Callable[[Request], Answer]


class WebServer:
    """Serves ``files`` by path; ``next_answers`` come first, one per request."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.routes: dict[str, Route] = {}
        self.next_answers: deque[Answer | Cut] = deque()
        self.requests: list[Request] = []
        self.says_etag = True
        self.says_length = True
        self.knows_ranges = True
        self.knows_if_range = True
        self._gate = threading.Event()
        self._gate.set()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner._answer(self)

            def do_HEAD(self) -> None:
                owner._answer(self)

            def do_POST(self) -> None:
                owner._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Let clients go without a word: some tests kill them."""
                if not isinstance(sys.exception(), ConnectionError):
                    super().handle_error(request, client_address)  # type: ignore[arg-type]

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hold(self) -> None:
        """Keep the second half of every body back until :meth:`release`."""
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        request = Request(
            handler.command, urlsplit(handler.path).path, dict(handler.headers), handler.rfile.read(length)
        )
        self.requests.append(request)
        planned = self.next_answers.popleft() if self.next_answers else None
        route = self.routes.get(request.path)
        if isinstance(planned, Answer) or route is not None:
            answer = planned if isinstance(planned, Answer) else route(request) if route else Answer(500)
            self._send(handler, answer)
        elif request.path in self.files:
            self._send_file(handler, request, self.files[request.path], planned)
        else:
            self._send(handler, Answer(404))

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        handler.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(answer.body)

    def _send_file(
        self, handler: BaseHTTPRequestHandler, request: Request, data: bytes, cut: Cut | None
    ) -> None:
        etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        is_current = not self.knows_if_range or request.headers.get("If-Range") == etag
        start = int(wanted[1]) if wanted and self.knows_ranges and is_current else 0
        if start >= len(data) > 0:
            self._send(handler, Answer(416))
            return
        handler.send_response(206 if start else 200)
        if self.says_etag:
            handler.send_header("ETag", etag)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.says_length:
            handler.send_header("Content-Length", str(len(data) - start))
        else:
            handler.send_header("Connection", "close")
        handler.end_headers()
        body = data[start:]
        half = len(body) // 2
        try:
            if cut is not None:
                handler.wfile.write(body[: cut.after])
                handler.wfile.flush()
                handler.close_connection = True
                return
            handler.wfile.write(body[:half])
            handler.wfile.flush()
            self._gate.wait(30)
            handler.wfile.write(body[half:])
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True
        if not self.says_length:
            handler.close_connection = True
