"""Scripted workers: replies and facts come as a test lets them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from earthgazer_tui.fleet.models import ActionResult, FactKind, Reply, WorkerFact, WorkerOrder
from tests.tui.scripted.base import ScriptedVerbs


class ScriptedWorkers(ScriptedVerbs):
    """Answers from its public attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.worker_words: list[Reply] = []
        """What workers say, in this order, before the result."""
        self.may_end = asyncio.Event()
        """Cleared, an order goes on after its replies."""
        self.may_end.set()
        self.facts: dict[FactKind, WorkerFact] = {}

    async def tell_workers(
        self,
        hostnames: Sequence[str],
        order: WorkerOrder,
        on_reply: Callable[[Reply], None] | None = None,
        on_done: Callable[[ActionResult], None] | None = None,
    ) -> ActionResult:
        result = self._do("tell_workers", tuple(hostnames), order)
        for reply in self.worker_words:
            if on_reply is not None:
                on_reply(reply)
        if on_done is not None and result.is_ok:
            on_done(result)
        await self.may_end.wait()
        return result

    async def worker_facts(
        self, hostname: str, kinds: Sequence[FactKind], on_fact: Callable[[WorkerFact], None]
    ) -> None:
        self._ask("worker_facts", hostname, tuple(kinds))
        for kind in kinds:
            if kind in self.facts:
                on_fact(self.facts[kind])

    async def start_worker(self, profile: str) -> ActionResult:
        return self._do("start_worker", profile)

    async def stop_worker(self, local_name: str) -> ActionResult:
        return self._do("stop_worker", local_name)

    async def enable_events(self) -> ActionResult:
        return self._do("enable_events")
