"""When a periodic task is due: every so many seconds, or by a crontab in UTC."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from celery import schedules

from earthgazer_core.errors import InvalidInputError

SHORTEST_S = 1.0
"""A shorter interval is no schedule but a loop."""
LONGEST_S = 366 * 86_400.0
"""A longer interval is a slip of the finger."""
_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


class _UtcCrontab(schedules.crontab):
    """A crontab that asks no app for its time zone."""

    tz: tzinfo = UTC  # type: ignore[assignment]

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Timing:
    """Either an interval or a crontab."""

    interval_s: float | None = None
    """Seconds between two runs."""
    crontab: str | None = None
    """Minute, hour, day of month, month, day of week."""

    @classmethod
    def every(cls, seconds: float) -> Timing:
        """Return an interval.

        Raises:
            InvalidInputError: it is no number of seconds, shorter than a second or longer than a year.
        """
        if not math.isfinite(seconds) or not SHORTEST_S <= seconds <= LONGEST_S:
            raise InvalidInputError(
                f"an interval of {seconds:g} s: it has to be between {SHORTEST_S:g} s and a year"
            )
        return cls(interval_s=float(seconds))

    @classmethod
    def cron(cls, fields: str) -> Timing:
        """Return a crontab of five fields, ``minute hour day-of-month month day-of-week``.

        Raises:
            InvalidInputError: it doesn't parse, or no such day exists.
        """
        timing = cls(crontab=" ".join(fields.split()))
        timing._parsed()
        return timing

    @classmethod
    def of_celery(cls, schedule: Any) -> Timing:
        """Return the timing of a schedule that Celery has made of the configuration.

        Raises:
            InvalidInputError: it is a kind of schedule that can't be kept, such as a solar one.
        """
        if isinstance(schedule, schedules.crontab):
            originals = [getattr(schedule, f"_orig_{field}") for field in _FIELDS]
            return cls.cron(" ".join(_field_text(original) for original in originals))
        run_every = getattr(schedule, "run_every", None)
        if not isinstance(run_every, timedelta):
            raise InvalidInputError(
                f"a schedule of type {type(schedule).__name__} can't be kept: use seconds or crontab"
            )
        return cls.every(run_every.total_seconds())

    @property
    def text(self) -> str:
        """It in words."""
        if self.interval_s is not None:
            return f"every {self.interval_s:.15g} s"
        return f"{self.crontab} UTC"

    def next_after(self, due_at: datetime | None, at: datetime) -> datetime:
        """Return the first due time after a moment.

        Args:
            due_at: The due time before, which an interval goes on from as long as not a whole one was
                missed; None if there was none.
            at: The moment, aware.
        """
        if self.interval_s is None:
            after = at.astimezone(UTC)
            _, delta, _ = self._parsed().remaining_delta(after, tz=UTC)
            following: datetime = after + delta
            return following
        step = timedelta(seconds=self.interval_s)
        return due_at + step if due_at is not None and due_at + step > at else at + step

    def _parsed(self) -> schedules.crontab:
        parts = (self.crontab or "").split()
        if len(parts) != len(_FIELDS):
            raise InvalidInputError(f"crontab {self.crontab!r}: five fields are needed, {', '.join(_FIELDS)}")
        try:
            return _UtcCrontab(**dict(zip(_FIELDS, parts, strict=True)))
        except (ValueError, schedules.ParseException) as error:
            raise InvalidInputError(f"crontab {self.crontab!r}: {error}") from error


def _field_text(original: str | int | Iterable[int]) -> str:
    if isinstance(original, str | int):
        return "".join(str(original).split())
    return ",".join(str(number) for number in sorted(original))
