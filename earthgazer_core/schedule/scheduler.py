"""The scheduler of Celery beat: entries live in Postgres, and a run that is due is sent once.

A run is claimed in one transaction, sent under a lock that a dying beat lets go of, and marked as sent.
What was claimed and not marked is taken up by whichever beat comes first. That one asks the queues, the
result backend and the flight recorder for the run's id, which depends on nothing but entry and due time, and
sends it only if none of them has seen it. In the worst case (the database is lost while a message is on its
way, and a second beat runs) a message is sent twice with the same id.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from celery.beat import Scheduler
from sqlalchemy.exc import DBAPIError

from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.errors import ConflictError, InvalidInputError, ServiceUnavailableError
from earthgazer_core.schedule import entries
from earthgazer_core.schedule.outage import Outage
from earthgazer_core.schedule.publishing import BrokerAwayError, Publisher, publishing
from earthgazer_core.schedule.seeds import Seed, seeds_of

if TYPE_CHECKING:
    from earthgazer_core.celery_app import EarthGazerApp

POLL_S = 1
"""Longest wait between two looks at the database: a change by an operator counts after that."""
_SHORTEST_WAIT_S = 0.05
logger = logging.getLogger(__name__)


class DatabaseScheduler(Scheduler):
    """Sends what is due by the database's clock; any number of them may run at once."""

    app: EarthGazerApp

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._seeds: tuple[Seed, ...] = ()
        self._is_seeded = False
        self._database: Database | None = None
        self._fresh: set[str] = set()
        self._database_outage = Outage(logger, "database")
        self._broker_outage = Outage(logger, "broker")
        super().__init__(*args, **kwargs)
        self.max_interval = POLL_S

    @property
    def database(self) -> Database:
        """The database; connected when first used."""
        if self._database is None:
            self._database = Database(make_engine(self.app.settings.database))
        return self._database

    @property
    def info(self) -> str:
        """A line for beat's banner."""
        return "    . schedule -> database"

    def setup_schedule(self) -> None:
        """Read what the code wants; the database is told with the first tick, for it may be away now.

        Raises:
            InvalidInputError: an entry of the code can't be kept.
        """
        self.merge_inplace(self.app.conf.beat_schedule)
        self.install_default_entries(self.schedule)
        self._seeds = seeds_of(self.schedule.values())

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Send what is due and return the seconds until the next look."""
        try:
            wait_s = self._look()
        except (ServiceUnavailableError, InvalidInputError, ConflictError) as error:
            self._database_outage.goes_on(error)
            return POLL_S
        except DBAPIError as error:
            # A standby that takes no writes: somebody is at work there.
            self._database_outage.goes_on(str(error.orig).strip().splitlines()[0])
            return POLL_S
        self._database_outage.is_over()
        return wait_s

    def close(self) -> None:
        """Close the connections."""
        super().close()
        if self._database is not None:
            self._database.dispose()

    def _look(self) -> float:
        with self.database.session() as session:
            if not self._is_seeded:
                entries.seed(session, self._seeds)
            claimed = entries.claim(session)
            waiting = entries.waiting(session)
        self._is_seeded = True
        self._fresh = set(claimed)
        if waiting:
            try:
                with publishing(self.app) as publisher:
                    for name in waiting:
                        self._send(publisher, name)
            except BrokerAwayError as error:
                self._broker_outage.goes_on(error)
            else:
                self._broker_outage.is_over()
        with self.database.session() as session:
            wait_s = entries.seconds_to_next(session)
        return POLL_S if wait_s is None else min(max(wait_s, _SHORTEST_WAIT_S), POLL_S)

    def _send(self, publisher: Publisher, name: str) -> None:
        with self.database.session() as session:
            taken = entries.take(session, name)
            if taken is None:
                return
            if not taken.is_wanted:
                entries.drop(session, taken)
                return
            task_id = taken.run.task_id
            is_fresh = task_id in self._fresh
            if not is_fresh and (entries.was_recorded(session, task_id) or publisher.knows(task_id)):
                logger.info("%s: was sent before as %s", name, task_id)
                entries.mark_sent(session, taken)
                return
            try:
                publisher.send(taken.entry, task_id)
            except BrokerAwayError:
                raise
            except Exception as error:
                # Whatever is wrong with one entry must not keep the others from being sent.
                logger.exception("%s: %s can't be sent", name, taken.entry.task)
                entries.mark_unsendable(session, taken, f"{type(error).__name__}: {error}")
                return
            logger.info("%s: sent %s as %s, due %s", name, taken.entry.task, task_id, taken.run.due_at)
            entries.mark_sent(session, taken)
