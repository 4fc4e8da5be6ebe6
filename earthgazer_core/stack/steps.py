"""The progress of a start or an end, told to everyone who listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from earthgazer_core.stack.models import StartStep, StepState


class StepLog:
    """Keeps the steps of the current start and hands them to any number of listeners."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()
        self._began = time.monotonic()

    async def tell(self, name: str, state: StepState, detail: str = "") -> None:
        """Tell how far a step is."""
        step = StartStep(name, state, detail, round(time.monotonic() - self._began, 3))
        await self._add({"event": "step", "step": step.to_json()})

    async def conclude(self, event: str, **details: Any) -> None:
        """Tell how it all ended: ``up``, ``failed`` or ``stopped``."""
        await self._add({"event": event, **details})

    async def restart(self) -> None:
        """Forget the steps told so far: something new begins."""
        async with self._changed:
            self._events = []
            self._began = time.monotonic()
            self._changed.notify_all()

    async def follow(self, *last: str, from_now: bool = False) -> AsyncIterator[dict[str, Any]]:
        """Yield what was told, unless ``from_now``, and will be, up to an event of one of these names."""
        events = self._events
        told = len(events) if from_now else 0
        while True:
            async with self._changed:
                while len(events) == told and self._events is events:
                    await self._changed.wait()
            while told < len(events):
                told += 1
                yield events[told - 1]
                if events[told - 1]["event"] in last:
                    return
            if self._events is not events:
                events, told = self._events, 0

    async def _add(self, event: dict[str, Any]) -> None:
        async with self._changed:
            self._events.append(event)
            self._changed.notify_all()
