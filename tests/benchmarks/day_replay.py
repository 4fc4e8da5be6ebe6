"""Feeds a day's events to what takes them in for a console: ``python -m tests.benchmarks.day_replay TASKS``.

Messages are made in the process itself, byte for byte as workers publish them, so that nothing but taking
them in limits the rate. What is left out of the path is the socket.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from celery import Celery

from earthgazer_core.operations.events.envelope import events_of
from earthgazer_tui.fleet.live.events import EventStream
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations, ServiceWatch
from earthgazer_tui.fleet.live.snapshot import Origin, SnapshotBuilder
from earthgazer_tui.fleet.models import ServiceState
from tests.benchmarks.event_load import BATCH, EVENTS_PER_TASK, envelope, events

TASKS_PER_MESSAGE = BATCH // EVENTS_PER_TASK
_PERIOD = 50
"""Messages after which names, workers and failures of tasks come again in the same order."""
_MESSAGES_AT_ONCE = 512
_POINTS = 200
_STAMP = 1_234_567_890.125
_CHANGING = re.compile(rb"([0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}|1234567890\.125)")


class Day:
    """A subscription to a fleet that is no more than its messages."""

    is_behind = False
    is_drained = False

    def __init__(self, tasks: int) -> None:
        self._left = tasks // TASKS_PER_MESSAGE
        self._next = 0
        self._forms = tuple(_forms())
        self.told = 0
        """Tasks that were told of."""
        self.is_over = threading.Event()

    def open(self) -> None:
        """There is nothing to connect to."""

    def ping(self) -> None:
        """There is nobody to ask."""

    def read(self, timeout_s: float) -> list[bytes] | None:
        """Return the messages that come next; None once the day is over."""
        count = min(self._left, _MESSAGES_AT_ONCE)
        if not count:
            self.is_over.set()
            time.sleep(timeout_s)
            return []
        now = repr(time.time()).encode()
        messages = [self._message(number, now) for number in range(self._next, self._next + count)]
        self._next += count
        self._left -= count
        self.told = self._next * TASKS_PER_MESSAGE
        return messages

    def events_of(self, payload: bytes) -> list[dict[str, Any]]:
        """Return the events of a message, as from a broker."""
        return events_of(payload)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _message(self, number: int, now: bytes) -> bytes:
        head, body, tail = self._forms[number % _PERIOD]
        first = number * TASKS_PER_MESSAGE - (number % _PERIOD) * TASKS_PER_MESSAGE
        filled = b"".join(
            part if kind is None else now if kind < 0 else _task_id(first + kind) for kind, part in body
        )
        return head + base64.b64encode(filled) + tail


_Body = tuple[tuple[int | None, bytes], ...]
"""Parts of a message: text as it is, None beside it; -1 a moment; else the number of a task in its period."""


def _forms() -> Iterator[tuple[bytes, _Body, bytes]]:
    source = events()
    for _ in range(_PERIOD):
        batch = [{**event, "timestamp": _STAMP} for event in islice(source, BATCH)]
        body = tuple(_part(part) for part in _CHANGING.split(orjson.dumps(batch)) if part)
        head, _, tail = envelope(batch, is_batched=True).partition(base64.b64encode(orjson.dumps(batch)))
        yield head, body, tail


def _part(part: bytes) -> tuple[int | None, bytes]:
    if not _CHANGING.fullmatch(part):
        return None, part
    return (-1 if b"." in part else int(part[:8], 16)), part


def _task_id(number: int) -> bytes:
    return b"%08x-0000-4000-8000-%012x" % (number, number)


def _resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:"))


def main(tasks: int) -> None:
    """Take a day in, building snapshots four times a second, and print what became of it as JSON."""
    day = Day(tasks)
    names = Names()
    state = EventsState(names)
    seen = Observations(ServiceWatch("broker", ServiceState.UP), ServiceWatch("none", ServiceState.ABSENT))
    builder = SnapshotBuilder(
        Origin("bench", is_embedded=False, is_read_only=True), state, seen, names, lambda: ""
    )
    app = Celery("bench", broker="redis://localhost", set_as_current=False)
    stream = EventStream(app, state, lambda: None, lambda _: day)
    points: list[tuple[int, float]] = []
    began, cpu_began = time.monotonic(), time.process_time()
    stream.start()
    while not day.is_over.wait(0.25):
        builder.build()
        if day.told * _POINTS >= tasks * len(points):
            points.append((day.told, _resident_mb()))
    seconds, cpu_s = time.monotonic() - began, time.process_time() - cpu_began
    stream.stop()
    points.append((day.told, _resident_mb()))
    told = {
        "told": day.told, "events": state.events, "ended": state.ended, "shed": state.shed,
        "malformed": state.malformed, "kept": len(state.tasks), "seconds": seconds, "cpu_s": cpu_s,
        "points": points,
    }  # fmt: skip
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
