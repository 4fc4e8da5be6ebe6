"""Workers and their pools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import TypeVar

from earthgazer_tui.fleet.live.verbs.base import ACT_S, READ_S, LiveVerbs
from earthgazer_tui.fleet.models import ActionResult, FactKind, Reply, ShutDown, WorkerFact, WorkerOrder

T = TypeVar("T")


class LiveWorkers(LiveVerbs):
    """Workers and their pools."""

    async def tell_workers(
        self,
        hostnames: Sequence[str],
        order: WorkerOrder,
        on_reply: Callable[[Reply], None] | None = None,
        on_done: Callable[[ActionResult], None] | None = None,
    ) -> ActionResult:
        """Have workers do something."""
        session, tell = self._changing(), _on_the_loop(on_reply or _ignore)
        done = None if on_done is None else _on_the_loop(on_done)
        wait_s = order.wait_s if isinstance(order, ShutDown) else 0.0
        try:
            return await self._runner.run(
                ACT_S + wait_s, session.worker_actions.tell, tuple(hostnames), order, tell, done
            )
        finally:
            session.look_again()

    async def worker_facts(
        self, hostname: str, kinds: Sequence[FactKind], on_fact: Callable[[WorkerFact], None]
    ) -> None:
        """Ask one worker about itself."""
        session, tell = self._open_session(), _on_the_loop(on_fact)
        await self._runner.run(READ_S, session.worker_facts.ask, hostname, tuple(kinds), tell)

    async def start_worker(self, profile: str) -> ActionResult:
        """Start one more local worker of the embedded stack."""
        return await self._act(self._changing().pool_actions.start_worker, profile)

    async def stop_worker(self, local_name: str) -> ActionResult:
        """Stop a local worker warm: what it runs ends first."""
        return await self._act(self._changing().pool_actions.stop_worker, local_name)

    async def enable_events(self) -> ActionResult:
        """Ask all workers to send task events."""
        return await self._act(self._changing().pool_actions.enable_events)


def _on_the_loop(listener: Callable[[T], None]) -> Callable[[T], None]:
    """Return a listener for another thread's words that hears them on the event loop, as its caller would."""
    loop, context = asyncio.get_running_loop(), copy_context()

    def tell(word: T) -> None:
        # Without the context a widget would not know its app.
        loop.call_soon_threadsafe(listener, word, context=context)

    return tell


def _ignore(reply: Reply) -> None:
    """Listen to nothing."""
