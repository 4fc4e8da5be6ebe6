"""One supervised server: Valkey or Postgres, started again with its data when it dies."""

from __future__ import annotations

import asyncio
from typing import Protocol

from earthgazer_core.errors import EarthGazerError
from earthgazer_core.stack.identity import Identity
from earthgazer_core.stack.models import ProcessStatus
from earthgazer_core.stack.restarts import Restarts


class Server(Protocol):
    """What the supervisor needs of a server."""

    name: str

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""

    def start(self) -> None:
        """Start it and return when it answers."""

    def stop(self) -> None:
        """Stop it in good order."""


class SupervisedServer:
    """A server with its restarts."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.restarts = Restarts()
        self.identity: Identity | None = None
        self.state = "starting"
        self.detail = ""

    async def start(self) -> None:
        """Start it without holding up the event loop."""
        self.state = "starting"
        await asyncio.to_thread(self.server.start)
        self.identity = Identity.of(self.server.pid) if self.server.pid else None
        self.restarts.started()
        self.state, self.detail = "ready", ""

    async def revive(self) -> bool:
        """Start it again if it died and its time has come; return whether it was started."""
        if self.state == "ready" and self.server.pid is None:
            self.state, self.detail, self.identity = "restarting", "it died; being started again", None
            self.restarts.died()
        if self.state != "restarting" or not self.restarts.is_due:
            return False
        try:
            await self.start()
        except EarthGazerError as error:
            self.restarts.died()
            self.state = "failed" if self.restarts.are_used_up else "restarting"
            self.detail = str(error)
            return False
        return True

    async def stop(self) -> None:
        """Stop it without holding up the event loop."""
        self.state = "stopping"
        await asyncio.to_thread(self.server.stop)
        self.state, self.identity = "stopped", None

    def status(self) -> ProcessStatus:
        """Return what clients are told."""
        return ProcessStatus(
            name=self.server.name,
            kind="server",
            profile=None,
            hostname=None,
            pid=self.server.pid,
            state=self.state,
            restarts=self.restarts.count,
            started_at=self.restarts.started_at,
            detail=self.detail,
        )
