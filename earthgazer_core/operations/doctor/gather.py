"""One look at a fleet: each service in its own time, so that a dead one keeps nobody waiting."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.doctor.access import FleetAccess
from earthgazer_core.operations.doctor.deadline import Pending
from earthgazer_core.operations.doctor.observations import (
    Beat,
    BrokerSeen,
    DatabaseSeen,
    DiskSeen,
    Observations,
    ResultsSeen,
    WorkerSeen,
)
from earthgazer_core.operations.doctor.see_amqp import see_amqp
from earthgazer_core.operations.doctor.see_broker import BrokerWatch
from earthgazer_core.operations.doctor.see_database import see_beats, see_database
from earthgazer_core.operations.doctor.see_results import see_chords, see_results
from earthgazer_core.operations.doctor.see_workers import periodic_tasks, see_workers


def gather(access: FleetAccess) -> Observations:
    """Return what can be seen of the fleet now; as slow as the workers' patience, or as a dying service."""
    database_problem, broker_problem, results_problem = _Problem(), _Problem(), _Problem()
    database: DatabaseSeen | None = None
    broker: BrokerSeen | None = None
    workers: tuple[WorkerSeen, ...] = ()
    beats: tuple[Beat, ...] = ()
    source = access.database
    looking: Pending[DatabaseSeen] | None = None
    if source is not None:
        looking = Pending("the database", lambda: see_database(source), access.service_patience_s)
    with broker_problem.noted():
        within_s = access.service_patience_s + access.patience_s
        broker, workers = Pending("the broker", lambda: _fleet(access), within_s).result()
    with database_problem.noted():
        if looking is not None:
            database = looking.result()
    if source is not None and database is not None and database.revision == database.head:
        names = periodic_tasks(workers)
        with database_problem.noted():
            if names:
                beats = Pending(
                    "the database", lambda: see_beats(source, names), access.service_patience_s
                ).result()
    results: ResultsSeen | None = None
    app, chords = access.app, database.chords if database is not None else ()
    with results_problem.noted():
        if app is not None:
            chords, results = Pending(
                "the result backend",
                lambda: (see_chords(app, chords), see_results(app)),
                access.service_patience_s,
            ).result()
    return Observations(
        at=datetime.now(UTC),
        broker=broker,
        broker_problem=broker_problem.text,
        has_asked=access.mailbox is not None,
        workers=workers,
        expected=access.expected,
        results=results,
        results_problem=results_problem.text,
        database=database and replace(database, chords=chords),
        database_problem=database_problem.text,
        beats=beats,
        disks=tuple(_disks(access)),
        celery_app=access.celery_app,
        thresholds=access.thresholds,
        unread_events=access.unread_events,
    )


@dataclass
class _Problem:
    """The reason why a service could not be looked at."""

    text: str = ""

    @contextmanager
    def noted(self) -> Iterator[None]:
        try:
            yield
        except (EarthGazerError, SQLAlchemyError) as error:
            self.text = next(iter(str(error).strip().splitlines()), type(error).__name__)


def _fleet(access: FleetAccess) -> tuple[BrokerSeen | None, tuple[WorkerSeen, ...]]:
    mailbox, broker = access.mailbox, access.broker
    if access.app is None or broker is None:
        return None, see_workers(access, mailbox) if mailbox is not None else ()
    if not isinstance(broker, RedisBroker):
        workers = see_workers(access, mailbox) if mailbox is not None else ()
        return see_amqp(broker, workers), workers
    with BrokerWatch(access.app) as watch:
        workers = see_workers(access, mailbox) if mailbox is not None else ()
        return watch.seen(broker, workers), watch.heard(workers)


def _disks(access: FleetAccess) -> Iterator[DiskSeen]:
    seen = set()
    for path in access.disk_paths:
        there = next((one for one in (path, *path.parents) if one.exists()), None)
        if there is None or (device := there.stat().st_dev) in seen:
            continue
        seen.add(device)
        usage = shutil.disk_usage(there)
        yield DiskSeen(str(there), usage.free, usage.total)
