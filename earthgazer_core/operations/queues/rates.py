"""How fast queues fill and drain: by the flight recorder, or by depths seen over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from earthgazer_core.db.session import now
from earthgazer_core.operations.broker import BrokerSnapshot

if TYPE_CHECKING:
    from sqlalchemy.orm import InstrumentedAttribute, Session

_HISTORY_S = 3_600.0
_SAMPLE_S = 10.0
_FEWEST_S = 5.0
_CLOCKS_APART = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class QueueRate:
    """Messages of one queue per second, over a span."""

    queue: str
    """The queue."""
    in_per_s: float
    """Published."""
    out_per_s: float
    """Ended, well or not."""

    def drained_in_s(self, waiting: int) -> float | None:
        """Return the seconds until so many messages are done; None where they never are at this rate."""
        return time_to_drain_s(waiting, self.in_per_s, self.out_per_s)


def queue_rates(session: Session, span: timedelta = timedelta(minutes=5)) -> tuple[QueueRate, ...]:
    """Return the rates of all queues that the flight recorder saw messages of, by name."""
    # here and not at the top: whoever has no database doesn't wait for its tables
    from earthgazer_core.db.tables import TaskExecutionRow

    since = now(session) - span
    sent = _counts(session, TaskExecutionRow.sent_at, since)
    ended = _counts(session, TaskExecutionRow.finished_at, since)
    seconds = span.total_seconds()
    return tuple(
        QueueRate(name, sent.get(name, 0) / seconds, ended.get(name, 0) / seconds)
        for name in sorted(sent.keys() | ended.keys())
    )


def time_to_drain_s(waiting: int, in_per_s: float, out_per_s: float) -> float | None:
    """Return the seconds until nothing waits; None where it never comes to that at these rates."""
    if not waiting:
        return 0.0
    return waiting / (out_per_s - in_per_s) if out_per_s > in_per_s else None


class DepthHistory:
    """Depths of queues over the last hour, from snapshots as they come; one thread."""

    def __init__(self, sample_s: float = _SAMPLE_S) -> None:
        self._sample_s = sample_s
        self._samples: dict[str, deque[tuple[float, int]]] = {}

    def add(self, snapshot: BrokerSnapshot) -> None:
        """Take in a snapshot; of several within a sample's time the first stays."""
        at = snapshot.at.timestamp()
        for state in snapshot.queues:
            samples = self._samples.setdefault(state.name, deque())
            if not samples or at - samples[-1][0] >= self._sample_s:
                samples.append((at, state.depth))
            while samples and at - samples[0][0] > _HISTORY_S:
                samples.popleft()
        for name in [name for name, samples in self._samples.items() if at - samples[-1][0] > _HISTORY_S]:
            del self._samples[name]

    def depths(self, queue: str) -> tuple[tuple[datetime, int], ...]:
        """Return (time, depth) of a queue, oldest first."""
        return tuple((datetime.fromtimestamp(at, UTC), depth) for at, depth in self._samples.get(queue, ()))

    def change_per_s(self, queue: str, over_s: float = 60.0) -> float | None:
        """Return how fast a queue grows (or shrinks, negative); None before it was seen for a while."""
        samples = self._samples.get(queue)
        if not samples:
            return None
        recent = list(_since(samples, samples[-1][0] - over_s))
        seconds = recent[-1][0] - recent[0][0]
        return (recent[-1][1] - recent[0][1]) / seconds if seconds >= _FEWEST_S else None

    def drained_in_s(self, queue: str, over_s: float = 60.0) -> float | None:
        """Return the seconds until a queue is empty if it goes on so; None where it isn't shrinking."""
        change = self.change_per_s(queue, over_s)
        samples = self._samples.get(queue)
        if change is None or not samples:
            return None
        return time_to_drain_s(samples[-1][1], max(change, 0.0), max(-change, 0.0))


def _counts(session: Session, column: InstrumentedAttribute[Any], since: datetime) -> dict[str, int]:
    from sqlalchemy import func, select

    from earthgazer_core.db.tables import TaskExecutionRow

    queue = TaskExecutionRow.queue
    # The index is on the newest change, which is what was asked for or later: by the clocks of several hosts.
    is_recent = TaskExecutionRow.updated_at > since - _CLOCKS_APART
    rows = session.execute(
        select(queue, func.count()).where(is_recent, column > since, queue.is_not(None)).group_by(queue)
    )
    return {str(name): int(count) for name, count in rows}


def _since(samples: Iterable[tuple[float, int]], start: float) -> Iterable[tuple[float, int]]:
    return (sample for sample in samples if sample[0] >= start)
