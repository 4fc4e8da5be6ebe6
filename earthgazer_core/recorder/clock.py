"""The time by the database's clock: hosts of one fleet may disagree by minutes, and a host with itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg2 import extensions

from earthgazer_core.recorder.batch import Record
from earthgazer_core.recorder.describe import BEFORE_ALL

_SET_AGAIN_S = 60.0
_NOTHING_S = 0.05
"""A difference that a busy host may explain; how long the answer took counts as well."""
_LOOKS = 5
_SURE_S = 0.005
_OWN = (
    "updated_at", "sent_at", "received_at", "started_at", "finished_at", "at", "published_at", "created_at",
    "seen_at",
)  # fmt: skip
"""Columns that hold times of ours."""

# Goes on while the machine is suspended, where there is such a clock.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the database's clock showed."""

    at_zero_s: float
    """The database's time when the steady clock was zero."""
    doubt_s: float
    """How far off that may be."""
    at_s: float
    """When, by the steady clock."""


class RecordClock:
    """Goes on steadily from where it was set last, so that a step of the host's clock changes nothing.

    Until it is set by the database's it is the host's.
    """

    def __init__(self, host: Callable[[], float] = time.time) -> None:
        """Take the host's clock, in seconds since the epoch."""
        self._host = host
        self._at_zero_s: float | None = None
        self._set_at_s = 0.0

    def now(self) -> datetime:
        """Return the moment, aware."""
        if self._at_zero_s is None:
            return datetime.fromtimestamp(self._host(), UTC)
        return datetime.fromtimestamp(self._at_zero_s + _steady_s(), UTC)

    @property
    def is_due(self) -> bool:
        """Whether it is to be set, for the first time or again."""
        return self._at_zero_s is None or _steady_s() - self._set_at_s >= _SET_AGAIN_S

    def set(self, reading: Reading) -> float:
        """Set it; return the seconds that have to be added to times that were told before."""
        is_first = self._at_zero_s is None
        before = self._host() - _steady_s() if self._at_zero_s is None else self._at_zero_s
        change = reading.at_zero_s - before
        is_news = abs(change) > max(_NOTHING_S, reading.doubt_s)
        self._at_zero_s = reading.at_zero_s if is_news else before
        self._set_at_s = reading.at_s
        # What was told later than that is on the record already.
        return change if is_first and is_news else 0.0


def read(connection: extensions.connection) -> Reading:
    """Look at the database's clock, on a busy machine some times: the quickest answer is the surest.

    Raises:
        psycopg2.Error: it doesn't answer.
    """
    best = _read_once(connection)
    for _ in range(_LOOKS - 1):
        if best.doubt_s < _SURE_S:
            break
        best = min(best, _read_once(connection), key=lambda reading: reading.doubt_s)
    return best


def _read_once(connection: extensions.connection) -> Reading:
    asked = _steady_s()
    with connection, connection.cursor() as cursor:
        cursor.execute("select extract(epoch from clock_timestamp())::float8")
        told = cursor.fetchone()
    answered = _steady_s()
    at_s = (asked + answered) / 2
    return Reading((told[0] if told else time.time()) - at_s, (answered - asked) / 2, answered)


def shift(records: Iterable[Record], by_s: float) -> None:
    """Move the times of records."""
    by = timedelta(seconds=by_s)
    rows = {id(row): row for _, row in records}
    for row in rows.values():
        for name in _OWN:
            at = row.get(name)
            if isinstance(at, datetime) and at != BEFORE_ALL:
                row[name] = at + by


def _steady_s() -> float:
    return time.clock_gettime(_STEADY)
