"""What Doctor can do itself about a finding."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cure(StrEnum):
    """What is done; targets in the order in which :mod:`apply` takes them."""

    RESUME_QUEUE = "resume-queue"
    """Let a paused queue go on."""
    PAUSE_AGAIN = "pause-again"
    """Have those stop that consume a paused queue."""
    ADD_CONSUMER = "add-consumer"
    """Have a worker consume a queue: worker, queue."""
    GROW_POOL = "grow-pool"
    """Give a worker one process more."""
    ENABLE_EVENTS = "enable-events"
    """Have workers send task events."""
    LIFT_RATE_LIMIT = "lift-rate-limit"
    """Let a task run as often as it can, on all workers."""
    RETRY = "retry"
    """Retry tasks, in place where that can be."""
    RETRY_COPY = "retry-copy"
    """Send copies of tasks."""
    DELETE_REPLIES = "delete-replies"
    """Delete lists of answers that nobody fetches."""
    CONFIGURE_BROKER = "configure-broker"
    """Set the Redis server's option: name, value."""
    DELIVER = "deliver"
    """Move what lies in a queue that nobody reads to the queues that it was for."""
    RECONCILE = "reconcile"
    """Publish again what the record knows and nobody has."""


_WORDS = {
    Cure.RESUME_QUEUE: "let the queue {0} go on, on the workers that consumed it",
    Cure.PAUSE_AGAIN: "have the workers stop that consume the paused queue {0}",
    Cure.ADD_CONSUMER: "have {0} consume {1}",
    Cure.GROW_POOL: "give {0} one process",
    Cure.ENABLE_EVENTS: "have {all} send task events",
    Cure.LIFT_RATE_LIMIT: "lift the rate limit of {0} on all workers; what they hold keeps its pace",
    Cure.RETRY: "retry {all}",
    Cure.RETRY_COPY: "send a copy of {all}",
    Cure.DELETE_REPLIES: "delete {all}",
    Cure.CONFIGURE_BROKER: "set {0} to {1} on the Redis server, until it restarts",
    Cure.DELIVER: "move what lies in {0} to the queues that it was for",
    Cure.RECONCILE: "publish again whatever the record knows and no queue or worker has",
}


@dataclass(frozen=True, slots=True)
class Remedy:
    """One cure and what it is for; names are raw."""

    cure: Cure
    """What is done."""
    targets: tuple[str, ...] = ()
    """To what."""

    @property
    def words(self) -> str:
        """It in one line."""
        return _WORDS[self.cure].format(*self.targets, all=", ".join(self.targets))
