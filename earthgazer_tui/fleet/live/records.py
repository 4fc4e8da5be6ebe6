"""What the console remembers of each task and each worker from events; small, because there are many."""

from __future__ import annotations

from dataclasses import dataclass, field

TERMINAL = frozenset({"SUCCESS", "FAILURE", "REVOKED", "REJECTED"})
"""States that a task leaves only if it is published again."""
UNSEEN = "UNSEEN"
"""State of a task of which nothing was heard since an outage, in which it may have gone on or ended."""
KEPT_LONGER = frozenset({"FAILURE", "REVOKED", "REJECTED"})
"""States that somebody will ask about."""


class TaskRecord:
    """One task as its events tell; times are seconds since the epoch on our clock."""

    __slots__ = (
        "args",
        "at",
        "error",
        "eta",
        "finished_at",
        "is_as_told",
        "kwargs",
        "name",
        "parent_id",
        "queue",
        "received_at",
        "result",
        "retries",
        "root_id",
        "runtime_s",
        "sent_at",
        "started_at",
        "state",
        "task_id",
        "traceback",
        "worker",
    )

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.name = ""
        self.state = "PENDING"
        self.queue: str | None = None
        self.worker: str | None = None
        self.at = 0.0
        self.sent_at: float | None = None
        self.received_at: float | None = None
        self.started_at: float | None = None
        self.finished_at: float | None = None
        self.eta: str | None = None
        self.runtime_s: float | None = None
        self.retries = 0
        self.args = ""
        self.kwargs = ""
        self.is_as_told = True
        """Whether the arguments are shown letter by letter as they were told."""
        self.result = ""
        self.error: str | None = None
        self.traceback = ""
        self.parent_id: str | None = None
        self.root_id: str | None = None


@dataclass(slots=True)
class WorkerRecord:
    """One worker as its events tell."""

    hostname: str
    """Name as shown."""
    seen: float
    """When it was last heard of, on *our* monotonic clock: its own may be wrong."""
    freq_s: float = 2.0
    """Seconds between its heartbeats, as it promises."""
    active: int = 0
    """Tasks that run, by its last heartbeat."""
    processed: int | None = None
    """Tasks since its start, by its last heartbeat."""
    load: tuple[float, ...] = ()
    """Load averages of its host."""
    pid: int | None = None
    """Process id of its parent process."""
    is_stopped: bool = False
    """Whether it said good-bye."""
    task_events: int = 0
    """Task events that it sent since we know this process of it."""
    processed_at_first: int | None = None
    """``processed`` when we first heard of this process."""
    running: dict[str, TaskRecord] = field(default_factory=dict)
    """Tasks that it has begun and not ended."""

    @property
    def is_deaf(self) -> bool:
        """Whether it has worked since we look and told nothing of it."""
        return (
            self.task_events == 0
            and self.processed is not None
            and self.processed_at_first is not None
            and self.processed > self.processed_at_first
        )
