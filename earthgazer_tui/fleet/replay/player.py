"""Walks through a recording: time that can be stopped, sped up and set, folded into the live store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

from earthgazer_core.recording.frames import (
    Beginning,
    BrokerNoted,
    EventsHeard,
    Frame,
    QueuesSeen,
    WorkerAsked,
)
from earthgazer_core.recording.reader import RecordingReader
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations, ReportSeen
from earthgazer_tui.fleet.models import ReplayPosition

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 60.0, 300.0)
"""Seconds of the recording per second."""
LOOKBACK_S: Final = 900.0
"""What is read before a place one jumps to, so that what ran and waited then is known."""
_BATCH: Final = 2000
"""Frames folded at once; in between a jump can be overtaken by another."""


class Player:
    """Feeds one store and one set of observations from a recording; any thread may call it."""

    def __init__(self, recording: Path, state: EventsState, seen: Observations, names: Names) -> None:
        """Find the recording.

        Raises:
            NotFoundError: there is none.
            InvalidInputError: it is no recording.
        """
        self._reader = RecordingReader(recording)
        self._state = state
        self._seen = seen
        self._names = names
        self._lock = Lock()
        self._begins_at = self._reader.begins_at
        self._ends_at = max(self._reader.end(), self._begins_at)
        self._at = self._begins_at
        self._speed = 1.0
        self._is_paused = False
        self._ticked: float | None = None
        self._frames: Iterator[Frame] = iter(())
        self._next: Frame | None = None
        self._rewind(self._begins_at)

    @property
    def broker(self) -> str:
        """Where the fleet was."""
        return self._reader.segments[0].broker

    @property
    def position(self) -> ReplayPosition:
        """Where we are."""
        with self._lock:
            return ReplayPosition(
                at=self._at,
                begins_at=self._begins_at,
                ends_at=self._ends_at,
                speed=self._speed,
                is_paused=self._is_paused or self._at >= self._ends_at,
                damaged_lines=self._reader.damage.lines,
            )

    @property
    def now(self) -> float:
        """Seconds since the epoch in the recording."""
        return self._at

    def tick(self, now: float | None = None) -> bool:
        """Let time pass since the last tick; return whether anything changed. Blocks while it reads.

        Args:
            now: Our monotonic clock.
        """
        now = time.monotonic() if now is None else now
        with self._lock:
            passed, self._ticked = 0.0 if self._ticked is None else now - self._ticked, now
            if self._is_paused or passed <= 0.0 or self._at >= self._ends_at:
                return False
            self._go_to(min(self._ends_at, self._at + passed * self._speed))
            return True

    def toggle(self) -> None:
        """Stop time, or let it go on; at the end it begins anew."""
        with self._lock:
            if self._at >= self._ends_at:
                self._rewind(self._begins_at)
                self._go_to(self._begins_at)
                self._is_paused = False
            else:
                self._is_paused = not self._is_paused

    def change_speed(self, steps: int) -> None:
        """Go faster or slower by so many of :data:`SPEEDS`."""
        with self._lock:
            place = SPEEDS.index(self._speed) + steps
            self._speed = SPEEDS[min(max(place, 0), len(SPEEDS) - 1)]

    def seek(self, at: float) -> None:
        """Jump; blocks while it reads.

        Args:
            at: Seconds since the epoch; a place outside the recording means its nearest end.
        """
        with self._lock:
            at = min(max(at, self._begins_at), self._ends_at)
            if at < self._at or at - self._at > LOOKBACK_S:
                self._rewind(at - LOOKBACK_S)
            self._go_to(at)

    def _rewind(self, since: float) -> None:
        with self._state.lock:
            self._state.clear()
        self._seen.forget_looks()
        self._seen.broker.up()
        self._frames = self._reader.frames(since)
        self._next = next(self._frames, None)
        self._at = self._next.at if self._next is not None else since

    def _go_to(self, at: float) -> None:
        while self._next is not None and self._next.at <= at:
            events: list[tuple[float, list[Mapping[str, Any]]]] = []
            for _ in range(_BATCH):
                frame = self._next
                if frame is None or frame.at > at:
                    break
                if isinstance(frame.content, EventsHeard):
                    events.append((frame.at, list(frame.content.events)))
                else:
                    self._fold(events)
                    events = []
                    self._take(frame)
                self._next = next(self._frames, None)
            self._fold(events)
        self._at = at

    def _fold(self, events: list[tuple[float, list[Mapping[str, Any]]]]) -> None:
        if events:
            with self._state.lock:
                for at, heard in events:
                    # The recording's time is the store's clock: what is late then is late now.
                    self._state.fold(heard, at, at)

    def _take(self, frame: Frame) -> None:
        seen = self._seen
        match frame.content:
            case QueuesSeen(snapshot):
                seen.note_queues(snapshot, frame.at)
            case WorkerAsked(report):
                hostname = self._names.show(report.hostname)
                with self._state.lock:
                    self._state.note_seen(hostname, frame.at)
                seen.reports = {**seen.reports, hostname: ReportSeen(report, frame.at)}
                seen.is_surveyed = True
            case BrokerNoted(is_up=True):
                seen.broker.up()
                seen.note_broker(frame.at, is_up=True)
            case BrokerNoted(reason=reason):
                seen.broker.down(f"{reason} (as recorded)")
                seen.note_broker(frame.at, is_up=False)
            case Beginning() | EventsHeard():
                pass
