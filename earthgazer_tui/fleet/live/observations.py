"""What the poller saw last: whole values that are replaced, never changed, so that any thread may read."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.operations.broker import BrokerSnapshot
from earthgazer_core.operations.controls.changes import Deed
from earthgazer_core.operations.queues.rates import DepthHistory, QueueRate
from earthgazer_core.operations.workers import WorkerReport
from earthgazer_tui.fleet.models import Alert, Badges, QueuePause, Service, ServiceState

HISTORY_S = 180
"""Seconds of queue depth that are kept, one sample each."""
_SAMPLE_S = 1.0
_CHANGES_EVERY_S = 5.0


class ServiceWatch:
    """The state of one service and since when it is in it."""

    def __init__(self, where: str, state: ServiceState) -> None:
        self._where = where
        self.service = Service(state, where, None)

    def up(self) -> None:
        """Note that it answered."""
        self._note(ServiceState.UP, self._where)

    def down(self, reason: str) -> None:
        """Note that it did not, and why."""
        # The name of the service stands beside it already.
        self._note(ServiceState.DOWN, re.sub(r"^(broker|database) unavailable: ", "", reason))

    def _note(self, state: ServiceState, detail: str) -> None:
        before = self.service
        if state is not before.state:
            self.service = Service(state, detail, datetime.now(UTC))
        elif detail != before.detail:
            self.service = Service(state, detail, before.since)


@dataclass(frozen=True, slots=True)
class ReportSeen:
    """What a worker said of itself, and when."""

    report: WorkerReport
    """Raw words of the worker."""
    at: float
    """Our monotonic clock."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is, as it told the database."""

    name: str
    """Task name."""
    percent: float | None
    """0 to 100."""
    stage: str
    """What it is doing."""


@dataclass(slots=True)
class Observations:
    """Everything seen but events."""

    broker: ServiceWatch
    """The broker."""
    database: ServiceWatch
    """The database."""
    queues: BrokerSnapshot | None = None
    """Depths by the last look."""
    history: dict[str, deque[int]] = field(default_factory=dict)
    """Depths by queue, one sample a second."""
    hour: DepthHistory = field(default_factory=DepthHistory)
    """Depths of the last hour, as far as they were watched."""
    changes: Mapping[str, float | None] = field(default_factory=dict)
    """Messages by which queues grow per second, by depth alone; None before they were watched for a while."""
    rates: Mapping[str, QueueRate] = field(default_factory=dict)
    """By queue, as the flight recorder knows them."""
    pauses: Mapping[str, QueuePause] = field(default_factory=dict)
    """By queue that is paused."""
    reports: Mapping[str, ReportSeen] = field(default_factory=dict)
    """By name as shown."""
    settings: Mapping[str, tuple[int | None, Mapping[str, Any]]] = field(default_factory=dict)
    """(process id, settings that somebody set, without secrets) of workers, by name as shown."""
    visibility_timeout_s: float | None = None
    """Age at which a held message goes to another worker, by living workers' settings; None before a look."""
    deeds: tuple[Deed, ...] = ()
    """What operators did to workers, as far as it is known, oldest first."""
    is_surveyed: bool = False
    """Whether workers were asked at least once."""
    badges: Badges = field(default_factory=Badges)
    """Counts from the database."""
    oldest_waiting_at: datetime | None = None
    """When the oldest waiting task known to the database was sent."""
    progress: Mapping[str, Progress] = field(default_factory=dict)
    """By task id, of those that run."""
    overdue: tuple[Alert, ...] = ()
    """Alerts of freshness."""
    schema_note: str = ""
    """That the database is of another version, and what to do."""
    first_steps: str = ""
    """What to do on an empty catalogue."""
    local_names: Mapping[str, str] = field(default_factory=dict)
    """Node name as shown → name in the embedded stack."""
    findings: int | None = None
    """What Doctor found when it looked last; None before."""
    broker_up_since: float = 0.0
    """Our monotonic clock when the broker last came up."""
    broker_down_since: float | None = None
    """Our monotonic clock when it went away; None while it is there."""
    sampled_at: float = -math.inf
    """When depths were last added to the history, on the clock of :meth:`note_queues`."""
    changed_at: float = -math.inf
    """When changes were last worked out."""

    def note_queues(self, snapshot: BrokerSnapshot, at: float) -> None:
        """Take in a look at the queues.

        Args:
            snapshot: What was there.
            at: Seconds on a clock that goes on; in a recording the recording's.
        """
        self.queues = snapshot
        if at - self.sampled_at < _SAMPLE_S:
            return
        self.sampled_at = at
        self.hour.add(snapshot)
        if at - self.changed_at >= _CHANGES_EVERY_S:
            self.changed_at = at
            changes = {queue.name: self.hour.change_per_s(queue.name) for queue in snapshot.queues}
            self.changes = {
                name: None if change is None else round(change, 2) for name, change in changes.items()
            }
        for queue in snapshot.queues:
            self.history.setdefault(queue.name, deque(maxlen=HISTORY_S)).append(queue.depth)
        for name in self.history.keys() - {queue.name for queue in snapshot.queues}:
            del self.history[name]

    def note_broker(self, at: float, *, is_up: bool) -> None:
        """Keep since when workers could have been heard: an outage of the broker is not their fault."""
        if is_up and self.broker_down_since is not None:
            self.broker_up_since, self.broker_down_since = at, None
        elif not is_up and self.broker_down_since is None:
            self.broker_down_since = at

    def forget_looks(self) -> None:
        """Forget queues and workers: in a recording one goes to another time."""
        self.queues, self.reports, self.is_surveyed = None, {}, False
        self.history.clear()
        self.hour, self.changes = DepthHistory(), {}
        self.sampled_at = self.changed_at = -math.inf
        self.broker_up_since, self.broker_down_since = 0.0, None
