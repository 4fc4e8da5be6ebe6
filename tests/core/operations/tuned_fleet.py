"""The foreign app with settings of a test's choosing, its broker, and messages by the thousand."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from earthgazer_core.db.session import Database
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.broker import QueueBroker
from tests.core.recorder.fleet import ForeignFleet, eventually
from tests.core.recorder.foreign_app import ForeignConfig

LAYOUTS: dict[str, dict[str, Any]] = {
    "kombu's own": {},
    "prefixed": {"global_keyprefix": "site:"},
    "all of its own": {
        "global_keyprefix": "s{1}*:",
        "sep": "::",
        "priority_steps": [0, 2, 5, 9],
        "queue_order_strategy": "priority",
    },
    "every step": {"priority_steps": list(range(10)), "sep": ":"},
}
"""Transport options that say where a queue's lists are."""


class TunedFleet(ForeignFleet):
    """The foreign app with settings of its own."""

    app_module = "tests.core.operations.tuned_app"

    def __init__(self, config: ForeignConfig, database: Database) -> None:
        super().__init__(config, database)
        self.conf: dict[str, Any] = {}

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "TUNED_CONF": json.dumps(self.conf)}

    def configure(self, **settings: Any) -> None:
        """Change settings of the app here and of workers that start from now on."""
        self.conf.update(settings)
        self.app.conf.update(settings)

    @cached_property
    def broker(self) -> QueueBroker:
        return QueueBroker(self.app)

    @cached_property
    def mailbox(self) -> Mailbox:
        return Mailbox(self.app)

    def send(self, number: int, *, queue: str = "steps", **options: Any) -> str:
        """Publish one ``steps.add`` and return its id."""
        return str(self.app.tasks["steps.add"].apply_async((number,), queue=queue, **options).id)

    def flood(self, count: int, *, queue: str = "steps", step: int = 0) -> list[str]:
        """Put many copies of one real message into a queue, each with an id of its own; return the ids."""
        self.send(0, queue=queue)
        with self.broker.opened() as layout:
            key = layout.list_key(queue, step)
            model = json.loads(layout.client.lpop(layout.list_key(queue, 0)))
            ids = [str(uuid.uuid4()) for _ in range(count)]
            pipe = layout.client.pipeline(transaction=False)
            for task_id in ids:
                model["headers"]["id"] = task_id
                model["properties"]["delivery_tag"] = str(uuid.uuid4())
                model["properties"]["priority"] = step
                pipe.lpush(key, json.dumps(model))
            pipe.execute()
        return ids

    def waiting(self, queue: str = "steps") -> list[str]:
        """Return the ids in a queue, the next to run first, by plain Redis."""
        with self.broker.opened() as layout:
            return [
                json.loads(raw)["headers"]["id"]
                for step in layout.steps
                for raw in reversed(layout.client.lrange(layout.list_key(queue, step), 0, -1))
            ]

    def steps_run(self) -> list[str]:
        """Return the journal of tasks in the order in which they began."""
        path = self.config.directory / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def holds(self, unacked: int) -> None:
        """Wait until workers hold so many messages."""
        eventually(
            lambda: self.broker.snapshot(["steps"]).unacked == unacked, f"{unacked} unacked\n{self.log}"
        )

    def actions(self) -> list[tuple[str, str]]:
        """Return (action, outcome) of the audit, oldest first."""
        rows = self.rows("select action, outcome from earthgazer.operator_actions order by id")
        return [(row["action"], row["outcome"]) for row in rows]

    def states_of(self, task_ids: Sequence[str]) -> set[str]:
        """Return the recorded states of tasks."""
        rows = (self.row(task_id) for task_id in task_ids)
        return {row["state"] for row in rows if row is not None}

    def close(self) -> None:
        for worker in list(self._workers):
            if worker.poll() is None:
                # What they would still do on a warm end is of no interest any more.
                self.kill_worker(worker)
            else:
                self._workers.remove(worker)
        if "mailbox" in self.__dict__:
            self.mailbox.close()
        if "broker" in self.__dict__:
            self.broker.close()
        super().close()


@contextmanager
def tuned_fleet(config: ForeignConfig, database: Database) -> Iterator[TunedFleet]:
    fleet = TunedFleet(config, database)
    try:
        yield fleet
    finally:
        fleet.close()
