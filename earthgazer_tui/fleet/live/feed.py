"""Snapshots for whoever watches: the newest, when it looks different, and seldom enough."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.live.runner import Runner
from earthgazer_tui.fleet.live.snapshot import SnapshotBuilder, visible
from earthgazer_tui.fleet.models import Snapshot

_TICK_S = 1.0
_LIVELY_S = 4.0
_LIVELY_HZ = 5.0
_AWAITED_HZ = 30.0
"""Until the first worker is shown, which everybody waits for."""

logger = logging.getLogger(__name__)


class Feed:
    """Builds a snapshot off the event loop whenever something may have changed."""

    def __init__(self, builder: SnapshotBuilder, runner: Runner, refresh_hz: float) -> None:
        self._builder = builder
        self._runner = runner
        self._pause_s = 1.0 / refresh_hz
        self._loop = asyncio.get_running_loop()
        self._dirty = asyncio.Event()
        self._is_dirty = False
        self._changed = asyncio.Condition()
        self._newest: Snapshot | None = None
        self._visible: Snapshot | None = None
        self._is_closed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def newest(self) -> Snapshot | None:
        """The newest snapshot; None before the first."""
        return self._newest

    def start(self) -> None:
        """Begin to build."""
        self._task = asyncio.create_task(self._build())

    def note_change(self) -> None:
        """Note that something may look different; any thread may call it, as often as it likes."""
        if not self._is_dirty:
            self._is_dirty = True
            self._loop.call_soon_threadsafe(self._dirty.set)

    async def stop(self) -> None:
        """Build no more, and let those who watch go."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        async with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    async def watch(self) -> AsyncIterator[Snapshot]:
        """Yield the newest snapshot now, and again whenever it has changed, until the feed is stopped."""
        last: Snapshot | None = None
        while True:
            async with self._changed:
                while not self._is_closed and self._newest is last:
                    await self._changed.wait()
                if self._is_closed:
                    return
                last = self._newest
            if last is not None:
                yield last

    async def _build(self) -> None:
        began = time.monotonic()
        while True:
            self._is_dirty = False
            self._dirty.clear()
            try:
                snapshot = await self._runner.run(10.0, self._changed_snapshot)
            except FleetError as error:
                logger.warning("no snapshot: %s", error)
                snapshot = None
            if snapshot is not None:
                async with self._changed:
                    self._newest = snapshot
                    self._changed.notify_all()
            await asyncio.sleep(self._pause_after(time.monotonic() - began))
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._dirty.wait()

    def _pause_after(self, age_s: float) -> float:
        """Return for how long to build nothing, so long after the start: then every answer is news."""
        if age_s >= _LIVELY_S:
            return self._pause_s
        is_awaited = self._newest is None or not self._newest.workers
        return min(self._pause_s, 1.0 / (_AWAITED_HZ if is_awaited else _LIVELY_HZ))

    def _changed_snapshot(self) -> Snapshot | None:
        snapshot = self._builder.build()
        seen = visible(snapshot)
        if seen == self._visible:
            return None
        self._visible = seen
        return snapshot
