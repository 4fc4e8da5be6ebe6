"""What a listener says of how far it is behind, by what its subscription says of each read."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from celery import Celery

from earthgazer_core.operations.events.listener import EventListener


class Script:
    """A subscription whose reads go as written: (is_behind, is_drained)."""

    is_behind = False
    is_drained = True

    def __init__(self, reads: list[tuple[bool, bool]]) -> None:
        self._reads = iter(reads)
        self.is_over = False

    def open(self) -> None: ...

    def ping(self) -> None: ...

    def close(self) -> None: ...

    def read(self, timeout_s: float) -> list[Any] | None:
        time.sleep(0.01)
        entry = next(self._reads, None)
        if entry is None:
            self.is_over = True
            raise OSError("the end")
        self.is_behind, self.is_drained = entry
        return ["payload"]

    @staticmethod
    def events_of(payload: Any) -> list[dict[str, Any]]:
        return [{"type": "t"}] * 10


class Ear:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.turns: list[float] = []
        self.events = 0
        self.listener: EventListener | None = None

    def link_changed(self, error: Exception | None) -> None:
        if error is not None:
            assert self.listener is not None
            self.listener.stop()

    def turn(self, busy_s: float) -> None:
        self.turns.append(busy_s)

    def hear(self, events: list[dict[str, Any]], unread: list[Exception], now: float) -> None:
        self.events += len(events)
        assert not unread


def heard(reads: list[tuple[bool, bool]]) -> Ear:
    """Listen until the script is over."""
    ear = Ear()
    ear.listener = EventListener(Celery("t", set_as_current=False), ear, lambda _: Script(reads))
    ear.listener.run()
    assert ear.events == 10 * len(reads)
    return ear


def test_who_finds_much_at_each_read_is_busy_for_longer_and_longer() -> None:
    turns = heard([(True, False)] * 10).turns
    assert all(after > before for before, after in pairwise(turns))


def test_who_has_drained_it_was_not_busy_whatever_had_gathered_in_a_nap() -> None:
    # After each nap much is found; the read after it leaves nothing.
    ear = heard([(True, False), (True, False), (False, True)] * 3)
    turns = ear.turns
    assert turns[2] == turns[5] == turns[8] == 0.0
    assert all(after > before for before, after in pairwise(turns[3:5]))


def test_one_who_waited_for_a_burst_is_not_busy_and_takes_no_nap_before_the_next() -> None:
    assert heard([(False, False)] * 5).turns == [0.0] * 5
