"""Rates over the last minute, from totals sampled once a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SPAN_S = 60.0
THROUGHPUT_STEP_S = 5.0
THROUGHPUT_SAMPLES = 60


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals at one moment."""

    at: float
    """Monotonic seconds."""
    events: int
    """Events taken in."""
    ended: int
    """Tasks that ended."""
    failed: int
    """Tasks that failed."""
    queue_in: dict[str, int]
    """Messages published, by queue."""
    queue_out: dict[str, int]
    """Tasks ended, by queue."""


class Rates:
    """Keeps a minute of totals."""

    def __init__(self) -> None:
        self._samples: deque[Totals] = deque()
        self._throughput: deque[float] = deque(maxlen=THROUGHPUT_SAMPLES)
        self._step: Totals | None = None

    def sample(self, totals: Totals) -> None:
        """Take the totals of now; more than one in a second are left out."""
        if self._samples and totals.at < self._samples[-1].at:
            # In a recording one can go back.
            self._samples.clear()
            self._throughput.clear()
            self._step = None
        if self._samples and totals.at - self._samples[-1].at < 0.95:
            return
        self._samples.append(totals)
        while totals.at - self._samples[0].at > SPAN_S:
            self._samples.popleft()
        if self._step is None:
            self._step = totals
        elif (elapsed := totals.at - self._step.at) >= THROUGHPUT_STEP_S:
            self._throughput.append(round((totals.ended - self._step.ended) / elapsed, 2))
            self._step = totals

    @property
    def throughput(self) -> tuple[float, ...]:
        """Tasks ended per second, oldest first."""
        return tuple(self._throughput)

    @property
    def events_per_s(self) -> float:
        """Events taken in per second."""
        return self._rate(lambda totals: totals.events)

    @property
    def finished_per_s(self) -> float:
        """Tasks ended per second."""
        return self._rate(lambda totals: totals.ended)

    @property
    def failed_percent(self) -> float | None:
        """Share of the ended that failed."""
        if len(self._samples) < 2:
            return None
        ended = self._samples[-1].ended - self._samples[0].ended
        failed = self._samples[-1].failed - self._samples[0].failed
        return round(100.0 * failed / ended, 1) if ended else None

    def queue(self, name: str) -> tuple[float | None, float | None]:
        """Return (in, out) per second of a queue; None where no publisher tells of its messages."""
        if not self._samples or name not in self._samples[-1].queue_in:
            return None, None
        return (
            self._rate(lambda totals: totals.queue_in.get(name, 0)),
            self._rate(lambda totals: totals.queue_out.get(name, 0)),
        )

    def _rate(self, total: Callable[[Totals], int]) -> float:
        if len(self._samples) < 2:
            return 0.0
        first, last = self._samples[0], self._samples[-1]
        return round((total(last) - total(first)) / (last.at - first.at), 2)
