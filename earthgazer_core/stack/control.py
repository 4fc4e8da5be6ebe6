"""The control socket: JSON lines between the supervisor and whoever may open its private directory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from typing import Any

from earthgazer_core.errors import EarthGazerError, InvalidInputError
from earthgazer_core.stack.models import Release
from earthgazer_core.stack.supervisor import Supervisor

PROTOCOL = 1
"""Grows when a client of one version can't talk to a supervisor of another."""

_FLUSH_S = 2.0
logger = logging.getLogger(__name__)


class Control:
    """Serves the verbs of one supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._followers: set[asyncio.Task[None]] = set()
        self._was_followed = asyncio.Event()
        self._verbs: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "hello": self._hello,
            "status": lambda _: {"status": supervisor.status().to_json()},
            "env": lambda _: {"variables": supervisor.variables()},
            "start_worker": lambda request: {"name": supervisor.start_worker(_text(request, "profile")).name},
            "stop_worker": lambda request: {"name": supervisor.stop_worker(_text(request, "name")).name},
            "detach": self._detach,
        }

    async def open(self, path: str) -> None:
        """Listen; the socket is the owner's alone, as is its directory."""
        # asyncio removes a stale socket there; the umask makes the new one 0600.
        self._server = await asyncio.start_unix_server(self._accept, path=path)

    async def close(self) -> None:
        """Stop listening, once those who wait for the end have been told of it."""
        if self._supervisor.has_failed:
            # Who started us may not yet have asked how it went.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._was_followed.wait(), _FLUSH_S)
        if self._followers:
            await asyncio.wait(self._followers, timeout=_FLUSH_S)
        if self._server is not None:
            self._server.close()
        for writer in self._connections.values():
            writer.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=_FLUSH_S)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise LookupError("a connection is served outside of a task")
        self._connections[task] = writer
        try:
            while line := await reader.readline():
                async for answer in self._answers(line, task):
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
        except (ConnectionError, ValueError) as error:
            logger.info("connection dropped: %s", error)
        finally:
            del self._connections[task]
            self._followers.discard(task)
            # However it ended, an open connection was the lease.
            self._supervisor.release(task, None)
            writer.close()

    async def _answers(self, line: bytes, task: asyncio.Task[None]) -> AsyncIterator[dict[str, Any]]:
        try:
            request = json.loads(line)
            verb = _text(request, "verb")
            if verb in self._verbs:
                yield {"ok": True, **self._verbs[verb](request)}
            elif verb == "attach":
                self._supervisor.attach(task)
                yield {"ok": True}
            elif verb == "release":
                choice = Release(_text(request, "choice")) if request.get("choice") else None
                yield {"ok": True, "stopping": self._supervisor.release(task, choice)}
            elif verb in ("watch", "shutdown"):
                self._followers.add(task)
                self._was_followed.set()
                if verb == "shutdown":
                    self._supervisor.end(Release(_text(request, "mode")), is_final=True)
                last = ("stopped", "failed", *(request.get("until") or ()))
                async for event in self._supervisor.steps.follow(*last, from_now=verb == "shutdown"):
                    yield {"ok": True, **event}
                self._followers.discard(task)
            else:
                raise InvalidInputError(f"unknown verb {verb!r}")
        except EarthGazerError as error:
            yield {"ok": False, "error": str(error), "kind": type(error).__name__}
        except ValueError as error:
            yield {"ok": False, "error": f"bad request: {error}", "kind": "InvalidInputError"}

    def _hello(self, _request: dict[str, Any]) -> dict[str, Any]:
        return {
            "version": version("earthgazer"),
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "phase": self._supervisor.phase.value,
        }

    def _detach(self, request: dict[str, Any]) -> dict[str, Any]:
        self._supervisor.leases.is_detached = bool(request.get("on", True))
        return {"is_detached": self._supervisor.leases.is_detached}


def _text(request: Any, name: str) -> str:
    value = request.get(name) if isinstance(request, dict) else None
    if not isinstance(value, str):
        raise InvalidInputError(f"bad request: {name!r} is missing")
    return value
