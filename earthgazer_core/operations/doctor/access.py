"""What Doctor may look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from celery import Celery

from earthgazer_core.db.session import Database
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.doctor.thresholds import Thresholds
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.lever_broker import LeverBroker

OWN_APP = "earthgazer_core.celery_app"
"""How ``celery -A`` finds our own app."""


@dataclass(frozen=True, slots=True)
class FleetAccess:
    """The ways into one fleet; what is None is not looked at."""

    app: Celery | None
    """The fleet's app, or one with the same broker and result backend."""
    mailbox: Mailbox | None = None
    """Where to ask workers; None asks nobody, and nothing is said of consumers."""
    broker: RedisBroker | LeverBroker | None = None
    """Reader of the queues; None for a broker that is neither Redis nor RabbitMQ."""
    database: Database | None = None
    """Where the flight recorder writes; None where there is none."""
    expected: tuple[str, ...] = ()
    """Workers that were seen before and should be there."""
    sends_events: frozenset[str] = frozenset()
    """Workers whose task events were heard before."""
    disk_paths: tuple[Path, ...] = ()
    """Directories whose disks matter."""
    celery_app: str = "APP"
    """What follows ``celery -A`` in a fix."""
    patience_s: float = 2.0
    """Time that workers have to answer."""
    service_patience_s: float = 8.0
    """Time that the broker and the database have to answer."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    """From which point on something is a fault."""
    unread_events: int = 0
    """Messages on the event channel that could not be read, as far as somebody listened."""
