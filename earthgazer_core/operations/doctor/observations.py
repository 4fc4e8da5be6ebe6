"""What was seen of a fleet in one look, as frozen values; checks read nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from earthgazer_core.operations.broker import BrokerSnapshot, Message
from earthgazer_core.operations.doctor.access import OWN_APP
from earthgazer_core.operations.doctor.thresholds import Thresholds
from earthgazer_core.operations.workers import WorkerReport


@dataclass(frozen=True, slots=True)
class HeldTask:
    """A task that a worker holds and does not run yet."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    eta: datetime | None
    """When it is to begin; None for at once."""


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker that answered."""

    report: WorkerReport
    """Its pool, queues and running tasks."""
    pids: tuple[int, ...]
    """Parent processes that answered by this name."""
    reserved: tuple[HeldTask, ...]
    """Tasks that wait for a free process of it."""
    scheduled: tuple[HeldTask, ...]
    """Tasks that wait for their time."""
    registered: frozenset[str] | None
    """Task names that it can run; None where it did not say."""
    rate_limits: Mapping[str, str]
    """Task name → rate."""
    revoked: frozenset[str]
    """Ids that it will not run."""
    conf: Mapping[str, Any] | None
    """Its settings, where they differ from Celery's; None where it did not say."""
    skew_s: float | None
    """Seconds that its clock is ahead of ours."""
    sends_events: bool
    """Whether a task event of it was heard, or its command line asks for them."""

    @property
    def name(self) -> str:
        """Node name."""
        return self.report.hostname

    @property
    def is_full(self) -> bool:
        """Whether every process of its pool runs a task."""
        size = self.report.pool_size
        return size is not None and len(self.report.active) >= size > 0


@dataclass(frozen=True, slots=True)
class ReplyList:
    """A list of answers to somebody's questions."""

    key: str
    """Its key."""
    length: int
    """Answers that nobody fetched."""
    size_bytes: int
    """Memory that it takes."""


@dataclass(frozen=True, slots=True)
class ServerSeen:
    """The Redis server."""

    used_bytes: int
    """Memory in use."""
    limit_bytes: int
    """``maxmemory``; 0 for none."""
    machine_bytes: int
    """Memory of its machine; 0 where it does not say."""
    policy: str
    """``maxmemory-policy``."""
    is_persistent: bool | None
    """Whether it keeps its data over a restart; None where it does not say."""
    write_errors: tuple[str, ...]
    """What its last write to disk complained of."""
    cut_subscribers: int
    """Subscribers and others that were cut off for reading too slowly, since its start."""
    skew_s: float
    """Seconds that its clock is ahead of ours."""
    listeners: int
    """Connections that hear commands to workers."""
    bound_workers: tuple[str, ...]
    """Workers that have heard commands lately, gone ones included."""
    orphan_replies: tuple[ReplyList, ...]
    """Lists of answers that were there before and after a moment."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A queue that an operator paused."""

    queue: str
    """The queue."""
    who: str
    """The operator."""
    at: datetime
    """When."""
    consumers: tuple[str, ...]
    """Workers that consumed it."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Messages of a queue whose content can't be told."""

    queue: str
    """The queue."""
    reason: str
    """Why."""
    is_foreign_type: bool
    """Whether they are calls of tasks in a serialisation that is not opened here."""
    count: int
    """How many, of those that were looked at."""


@dataclass(frozen=True, slots=True)
class BrokerSeen:
    """The broker and what waits in it."""

    snapshot: BrokerSnapshot
    """All queues."""
    waiting: tuple[Message, ...]
    """Messages in queues, the next of each."""
    held: tuple[Message, ...]
    """Unacknowledged messages."""
    server: ServerSeen
    """The server itself."""
    pauses: tuple[Pause, ...] = ()
    """Queues that are paused."""
    unread: tuple[Unread, ...] = ()
    """Waiting messages that can't be read."""
    undelivered: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Queues that nobody reads → what their messages were for (empty where nobody knows) → how many."""


@dataclass(frozen=True, slots=True)
class LiveTask:
    """A task that the record says a worker has."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    state: str
    """Its state."""
    worker: str
    """The worker."""
    since: datetime
    """Time of its newest change."""


@dataclass(frozen=True, slots=True)
class Idle:
    """A task that the record says waits for a worker."""

    task_id: str
    """Celery's id."""
    name: str
    """Task name."""
    queue: str | None
    """Queue that it was sent to, where known."""
    exchange: str
    """Exchange that it was sent to; empty for a queue by its name."""
    content_type: str
    """Of its message; empty where that was not recorded."""
    since: datetime
    """Time of its newest change."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Tasks of one name that workers had no code for."""

    name: str
    """Task name."""
    task_ids: tuple[str, ...]
    """Celery's ids, the newest first; those nobody dismissed or retried."""
    workers: tuple[str, ...]
    """Who threw them away."""


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord whose body hasn't been sent."""

    body_id: str
    """Id that the body's task has or will have."""
    body_name: str
    """Task name of the body."""
    run_id: str
    """Run that it belongs to."""
    group_id: str
    """Group of the header."""
    open_members: int
    """Members of the header that have not ended."""
    ended_at: datetime | None
    """When the last member ended; None while one is open."""
    has_keys: bool | None
    """Whether the result backend still counts it; None where that can't be seen."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A process that publishes a periodic task."""

    task: str
    """Task name."""
    origin: str
    """``gen123@host``."""
    count: int
    """Messages."""
    first: float
    """Time or place of the first."""
    last: float
    """Time or place of the last."""


@dataclass(frozen=True, slots=True)
class Late:
    """A periodic task that is due and was not sent."""

    name: str
    """Name in the schedule."""
    due_at: datetime
    """When it was due."""


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """The database and what the flight recorder knows."""

    elapsed_s: float
    """Time of the simplest query, connection included."""
    revision: str | None
    """Schema revision; None where there is no schema."""
    head: str
    """Newest revision known here."""
    is_newer: bool = False
    """Whether the schema was made by a newer version."""
    skew_s: float = 0.0
    """Seconds that its clock is ahead of ours."""
    live: tuple[LiveTask, ...] = ()
    """Tasks that a worker is said to have."""
    chords: tuple[Chord, ...] = ()
    """Chords whose body hasn't been sent."""
    late: tuple[Late, ...] = ()
    """Periodic tasks that are due and were not sent, the longest due first."""
    idle: tuple[Idle, ...] = ()
    """Tasks that wait for a worker; the longest first."""
    unknown: tuple[Unknown, ...] = ()
    """Tasks that workers had no code for."""


@dataclass(frozen=True, slots=True)
class ResultsSeen:
    """Results of tasks that are kept, as far as a look of some seconds tells."""

    count: int
    """Results that were counted."""
    is_all: bool
    """Whether those are all that there are."""
    size_bytes: int
    """Memory that they take, reckoned from a sample."""
    sampled: int
    """Results that were looked at more closely."""
    forever: int
    """Of those, the ones that never expire."""
    unread: int | None
    """Of those, the ones that nobody has read; None where the server does not say."""


@dataclass(frozen=True, slots=True)
class DiskSeen:
    """A disk."""

    path: str
    """A directory on it."""
    free_bytes: int
    """Free for us."""
    total_bytes: int
    """Its size."""


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything that was seen in one look."""

    at: datetime
    """Aware UTC, ours."""
    broker: BrokerSeen | None
    """None where it isn't Redis, isn't configured, or was not reached."""
    broker_problem: str
    """Why it was not reached; empty otherwise."""
    has_asked: bool
    """Whether workers were asked at all."""
    workers: tuple[WorkerSeen, ...]
    """Those that answered, by name."""
    expected: tuple[str, ...]
    """Workers that should be there."""
    results: ResultsSeen | None
    """None where results aren't in Redis, or were not reached."""
    results_problem: str
    """Why the result backend was not reached; empty otherwise."""
    database: DatabaseSeen | None
    """None where none is configured, or it was not reached."""
    database_problem: str
    """Why it was not reached; empty otherwise."""
    beats: tuple[Beat, ...]
    """Who published the tasks that workers' settings schedule."""
    disks: tuple[DiskSeen, ...]
    """Disks that matter."""
    celery_app: str
    """What follows ``celery -A`` in a fix."""
    thresholds: Thresholds
    """From which point on something is a fault."""
    unread_events: int = 0
    """Messages on the event channel that were no events, as far as somebody listened."""

    @property
    def silent_listeners(self) -> int:
        """Workers that hear commands and did not answer."""
        if self.broker is None or not self.has_asked:
            return 0
        return max(0, self.broker.server.listeners - sum(len(worker.pids) or 1 for worker in self.workers))

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """Queues that are paused."""
        return self.broker.pauses if self.broker is not None else ()

    def consumers(self, queue: str) -> tuple[WorkerSeen, ...]:
        """Return the workers that consume a queue."""
        return tuple(worker for worker in self.workers if queue in worker.report.queues)

    def messages(self) -> Iterator[Message]:
        """Yield the messages in queues and in workers' hands."""
        if self.broker is not None:
            yield from self.broker.waiting
            yield from self.broker.held

    def command(self, verb: str, *arguments: str) -> str:
        """Return a ``celery`` command that a person can paste."""
        return " ".join(["celery", "-A", self.celery_app, verb, *map(shlex.quote, arguments)])

    def worker_command(self, queue: str) -> str:
        """Return the command that starts a worker for a queue."""
        if self.celery_app == OWN_APP:
            return "earthgazer worker all"
        return self.command("worker", "-E", "-Q", queue)
