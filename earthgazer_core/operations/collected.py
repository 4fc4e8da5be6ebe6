"""Recording what this process publishes where no recorder of the fleet's own does."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery, signals

from earthgazer_core.db.session import Database
from earthgazer_core.recorder import clock, store
from earthgazer_core.recorder.batch import Batch, Record
from earthgazer_core.recorder.clock import RecordClock
from earthgazer_core.recorder.describe import Describer
from earthgazer_core.recorder.install import recorders
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.publisher import PublishRecorder
from earthgazer_core.recorder.redaction import Redactor
from earthgazer_core.settings import RecorderSettings


class Collected:
    """Records of what was published, to be written when whatever they depend on is committed."""

    def __init__(self) -> None:
        self._batch = Batch()
        self.clock = RecordClock()
        """What they are stamped by."""

    def add(self, records: Iterable[Record]) -> int:
        """Take records; return how many there are."""
        for table, row in records:
            self._batch.add(table, row)
        return len(self._batch)

    def write(self, database: Database) -> None:
        """Write them, if there are any.

        Raises:
            ServiceUnavailableError: the database is away.
        """
        if not len(self._batch):
            return
        with database.session() as session:
            connection: Any = session.connection().connection.driver_connection
            clock.shift(self._batch.rows(), self.clock.set(clock.read(connection)))
            store.write(connection, self._batch)


@contextmanager
def collecting(app: Celery, seal: Seal) -> Iterator[Collected]:
    """Collect the records of what this thread publishes for an app without a recorder in this process."""
    collected = Collected()
    if recorders(app):
        yield collected
        return
    redactor = Redactor(app, RecorderSettings().redact)
    publisher = PublishRecorder(collected, Describer(app, redactor, seal), redactor)
    thread = threading.get_ident()

    def before(**told: Any) -> None:
        if threading.get_ident() == thread:
            publisher.before(**told)

    def after(**told: Any) -> None:
        if threading.get_ident() == thread:
            publisher.after(**told)

    signals.before_task_publish.connect(before, weak=False)
    signals.after_task_publish.connect(after, weak=False)
    try:
        yield collected
    finally:
        signals.before_task_publish.disconnect(before)
        signals.after_task_publish.disconnect(after)
