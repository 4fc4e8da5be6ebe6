"""The workers and beat of a stack: started, revived when they die, ended warm or at once."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from earthgazer_core.errors import NotFoundError
from earthgazer_core.stack.child import Child
from earthgazer_core.stack.profiles import beat_command, profile

if TYPE_CHECKING:
    from earthgazer_core.stack.plan import StackPlan

_POLL_S = 0.1
_COLD_PATIENCE_S = 8.0
_BEAT = "beat"
logger = logging.getLogger(__name__)


class Crew:
    """All Celery processes of one stack; belongs to the supervisor's main thread."""

    def __init__(
        self,
        plan: StackPlan,
        environment: Mapping[str, str],
        *,
        changed: Callable[[], None],
        lost: Callable[[Child], None],
    ) -> None:
        self._plan = plan
        self._environment = environment
        self._changed = changed
        self._lost = lost
        self._children: dict[str, Child] = {}
        self._to_resume: list[str] = []

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._children.values()))

    def start_worker(self, profile_name: str) -> Child:
        """Start one more worker of that profile, under the first name that is free."""
        chosen = profile(profile_name)
        number = next(n for n in range(1, 10_000) if f"{chosen.name}{n}" not in self._children)
        name = f"{chosen.name}{number}"
        child = Child(
            name,
            chosen.command(self._plan.app, name, self._plan.concurrency),
            state_dir=self._plan.state_dir,
            environment=self._environment,
            profile=chosen.name,
            hostname=f"{name}@{socket.gethostname()}",
        )
        return self._spawn(child)

    def start_beat(self) -> Child:
        """Start beat; an app that keeps its schedule in a file has that in the state directory."""
        command = beat_command(self._plan.app, str(self._plan.state_dir / "beat-schedule"))
        child = Child(_BEAT, command, state_dir=self._plan.state_dir, environment=self._environment)
        return self._spawn(child)

    def stop_worker(self, name: str) -> Child:
        """Ask a worker to end what it runs, take nothing more, and go.

        Raises:
            NotFoundError: no worker has that name; the message lists those there are.
        """
        child = self._children.get(name)
        if child is None or child.profile is None:
            names = ", ".join(child.name for child in self if child.profile) or "none"
            raise NotFoundError(f"no worker {name!r} on this stack: there is {names}")
        self._ask_to_end(child)
        return child

    def seen(self, hostname: str) -> None:
        """Note that a worker of that node name gave a sign of life."""
        for child in self._children.values():
            if child.hostname == hostname and child.pid is not None and not child.is_ready:
                child.is_ready = True

    def check(self) -> None:
        """Collect who ended; plan the next life of who should not have, and begin it when it is due."""
        for child in self:
            code = child.reap()
            if code is not None:
                self._ended(child, code)
            elif child.pid is None and not child.is_stopping and child.restarts.is_due:
                logger.info("%s: started again", child.name)
                child.spawn()
                self._changed()

    async def end(self, *, warm_timeout_s: float, is_over: Callable[[], bool]) -> bool:
        """End all: warm for so long, then cold, then by force. Return False if called off meanwhile.

        ``is_over`` says that ending is no longer wanted; it is heeded only while the end is still warm.
        """
        self._to_resume += [child.profile for child in self if child.profile and not child.is_stopping]
        for child in self:
            # Cold: a worker gives back what it runs; messages acknowledged late are taken up again.
            self._ask_to_end(child, signal.SIGTERM if warm_timeout_s or not child.profile else signal.SIGQUIT)
        if await self._gone(warm_timeout_s, is_over):
            return True
        if is_over():
            return False
        for child in self:
            child.send(signal.SIGQUIT)
        if await self._gone(_COLD_PATIENCE_S, _never):
            return True
        for child in self:
            child.kill()
        return await self._gone(_COLD_PATIENCE_S, _never)

    def resume(self) -> list[Child]:
        """Start a new worker for each that was asked to end, and return them: the end was called off."""
        wanted, self._to_resume = self._to_resume, []
        return [self.start_worker(profile_name) for profile_name in wanted]

    def _spawn(self, child: Child) -> Child:
        self._children[child.name] = child
        child.spawn()
        self._changed()
        return child

    def _ask_to_end(self, child: Child, number: signal.Signals = signal.SIGTERM) -> None:
        if child.is_stopping:
            return  # a second SIGTERM means a cold end to Celery
        child.is_stopping = True
        if child.pid is None:
            del self._children[child.name]
        child.send(number)
        self._changed()

    def _ended(self, child: Child, code: int) -> None:
        if child.is_stopping:
            del self._children[child.name]
            logger.info("%s: ended", child.name)
        else:
            words = child.last_words()
            child.restarts.died()
            child.detail = f"died ({_reason(code)}){': ' + words if words else ''}"
            logger.warning("%s: %s", child.name, child.detail)
            self._lost(child)
        self._changed()

    async def _gone(self, timeout_s: float, is_over: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + timeout_s
        while self._children and not is_over() and time.monotonic() < deadline:
            self.check()
            await asyncio.sleep(_POLL_S)
        return not self._children


def _never() -> bool:
    return False


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name
