"""A fleet that runs chords of every shape, with looks at their keys and at what their bodies were given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import redis
from celery import Celery, chain, chord
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import update

from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.db.tables import TaskExecutionRow, TaskMessageRow
from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.republish import publish
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_offer import Retried
from earthgazer_core.settings import DatabaseSettings
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.conftest import _fresh_database, fresh_broker
from tests.core.operations.chord_app import add_chord_tasks
from tests.core.recorder.fleet import ForeignFleet, eventually, recorder_of
from tests.core.recorder.foreign_app import ForeignConfig

_UNFINISHED = (
    "select task_id, name, state from earthgazer.task_executions"
    " where state in ('PENDING', 'RECEIVED', 'STARTED', 'RETRY')"
)


class ChordFleet(ForeignFleet):
    """The foreign app with its chords; one worker serves a whole module."""

    app_module = "tests.core.operations.chord_app"

    def __init__(self, config: ForeignConfig, database: Database) -> None:
        super().__init__(config, database)
        add_chord_tasks(self.app, config.directory)
        self.retrier = Retrier(database, self.app, encryption_key=config.encryption_key)
        self.is_unordered = False
        self._holds = 0

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "CHORDS_UNORDERED": "1" if self.is_unordered else "",
            # The tests' own pickles; a worker that runs as root wants to be told.
            "C_FORCE_ROOT": "1",
        }

    @property
    def redis(self) -> redis.Redis:
        client: redis.Redis = self.app.backend.client  # type: ignore[attr-defined]
        return client

    def sig(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return a signature of a task, with a queue where one is given."""
        queue = kwargs.pop("queue", None)
        signature = self.app.tasks[f"chords.{name}"].s(*args, **kwargs)
        return signature.set(queue=queue) if queue else signature

    def given(self, label: str) -> list[Any]:
        """Return what the body of this label was called with, once for each call."""
        prefix = f"collect {label} "
        return [
            json.loads(line.removeprefix(prefix))
            for line in self.journal().elements()
            if line.startswith(prefix)
        ]

    def until_given(self, label: str, times: int = 1) -> list[Any]:
        """Return the same once there have been so many calls."""
        given: list[Any] = eventually(
            lambda: len(self.given(label)) >= times and self.given(label), f"call of {label}"
        )
        return given

    def until_failed(self, name: str, shown: str, attempt: int = 1) -> str:
        """Return the id of the task whose arguments show a text, once that attempt has failed."""
        found = eventually(
            lambda: self.rows(
                "select task_id from earthgazer.task_executions where name = :name and state = 'FAILURE'"
                " and blocked_by is null and attempt = :attempt and position(:shown in args_repr) > 0",
                name=f"chords.{name}",
                shown=shown,
                attempt=attempt,
            ),
            f"failure of {name} {shown}\n{self.log}",
        )
        return str(found[0]["task_id"])

    def id_of(self, name: str, shown: str) -> str:
        """Return the id of the task whose arguments show a text, once it is recorded."""
        rows = eventually(
            lambda: self.rows(
                "select task_id from earthgazer.task_executions"
                " where name = :name and position(:shown in args_repr) > 0",
                name=f"chords.{name}",
                shown=shown,
            ),
            f"record of {name} {shown}",
        )
        return str(rows[0]["task_id"])

    def retry(self, task_id: str, *, mode: str | None = None) -> Retried:
        """Retry as soon as that is offered; siblings may still conclude the chord that failed."""
        refused = []

        def attempt() -> Retried | None:
            try:
                return self.retrier.retry(task_id, mode=mode)
            except RefusedError as error:
                refused.append(str(error))
                return None

        try:
            done: Retried = eventually(attempt, "a retry")
        except AssertionError:
            raise AssertionError(f"{task_id}: {refused[-1]}\n{self.log}") from None
        return done

    def empty_results(self) -> None:
        """Take all results and chord keys away, as an emptied result backend would."""
        for pattern in ("celery-taskset-meta-*", "celery-task-meta-*"):
            for key in self.redis.scan_iter(pattern):
                self.redis.delete(key)

    def until_quiet(self) -> None:
        """Wait until the record knows of nothing that is on its way."""
        recorder_of(self.app).writer.flush(5)
        eventually(lambda: not self.rows(_UNFINISHED), f"quiet: {self.rows(_UNFINISHED)}")

    def group_of(self, task_id: str) -> str:
        """Return the group that a task is in."""
        row = self.row(task_id)
        assert row is not None
        return str(row["group_id"])

    @contextmanager
    def bare_app(self) -> Iterator[Celery]:
        """Yield an app that knows the same servers and no task, as a console on a foreign fleet has."""
        url = self.config.broker_url
        app = Celery("console", broker=url, backend=url, set_as_current=False)
        yield app
        app.backend.client.connection_pool.disconnect()  # type: ignore[attr-defined]
        app.close()

    def parts_of(self, group_id: str) -> int:
        """Return how many parts of a chord the record keeps."""
        return len(self.rows("select 1 from earthgazer.chord_parts where group_id = :g", g=group_id))

    def age(self, group_id: str) -> None:
        """Make a header look as if it had been published long ago."""
        with self.database.session() as session:
            session.execute(
                update(TaskExecutionRow)
                .where(TaskExecutionRow.group_id == group_id)
                .values(sent_at=TaskExecutionRow.sent_at - timedelta(minutes=1))
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the worker busy, so that whatever is published waits in its queue."""
        self._holds += 1
        flag = f"held-{self._holds}"
        for number in range(2):
            self.app.tasks["steps.wait"].delay(flag, 30 + number)
        eventually(lambda: self.journal()[f"wait {flag}"] == 2, "both processes held")
        yield
        self.raise_flag(flag)

    def settles(self, label: str, values: list[Any]) -> None:
        """Wait until nothing is on its way, and see that the body ran once and each member twice."""
        self.until_quiet()
        assert len(self.given(label)) == 1
        for value in values:
            assert self.journal()[f"give {value}"] >= 2

    def deliver_twice(self, task_id: str) -> None:
        """Publish the recorded message of a task, as a broker does that delivers it once more."""
        with self.database.session() as session:
            message = session.get(TaskMessageRow, task_id)
            assert message is not None
            content = (message.content_type, message.content_encoding, message.body)
            publish(self.app, message.headers, message.properties, content, "steps")

    def chain_into_a_header(self, label: str) -> str:
        """Publish a header with a chain whose first link fails and is no JSON; return what its value is."""
        value = f"{label}-ahead"
        chord([chain(self.sig("pickled", value, label), self.sig("after", 1)), self.sig("give", 3)])(
            self.sig("collect", label)
        )
        recorder_of(self.app).writer.flush(5)
        return value

    def another_retrier(self, broker: RedisBroker | None = None) -> Retrier:
        """Return a second operator's."""
        return Retrier(self.database, self.app, broker, encryption_key=self.config.encryption_key)


@contextmanager
def chord_fleet(
    valkey: ValkeyServer, postgres: PostgresServer, template: str, directory: Path
) -> Iterator[ChordFleet]:
    """Yield a fleet with a broker and a database of its own."""
    with contextmanager(_fresh_database)(postgres, template) as url:
        database = Database(make_engine(DatabaseSettings(url=SecretStr(url))))
        broker_url = fresh_broker(valkey)
        fleet = ChordFleet(
            ForeignConfig(broker_url, url, directory, Fernet.generate_key().decode()), database
        )
        try:
            yield fleet
        finally:
            fleet.close()
            database.dispose()
