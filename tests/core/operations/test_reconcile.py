"""Messages that the broker lost come back from the record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.reconcile import Reconciled, reconcile
from tests.core.recorder.fleet import ForeignFleet, eventually

pytestmark = pytest.mark.fleet


@pytest.fixture
def mailbox(fleet: ForeignFleet) -> Iterator[Mailbox]:
    with closing(Mailbox(fleet.app)) as mailbox:
        yield mailbox


def run(
    fleet: ForeignFleet, mailbox: Mailbox, *expected: str, grace_s: float = 0.0, dry_run: bool = False
) -> Reconciled:
    with closing(RedisBroker(fleet.app)) as broker:
        return reconcile(
            fleet.database,
            fleet.app,
            broker,
            mailbox,
            expected,
            grace_s=grace_s,
            dry_run=dry_run,
            timeout_s=1.0,
        )


def test_a_lost_queue_is_filled_again(
    fleet: ForeignFleet, mailbox: Mailbox, redis_client: redis.Redis
) -> None:
    add = fleet.app.tasks["steps.add"]
    kept = add.delay(1)
    eventually(lambda: fleet.row(kept.id), "record")
    assert run(fleet, mailbox) == Reconciled((), (), ())
    redis_client.delete("steps")
    assert [task.task_id for task in run(fleet, mailbox, dry_run=True).lost] == [kept.id]
    assert run(fleet, mailbox, grace_s=60) == Reconciled((), (), ())
    assert run(fleet, mailbox).republished == (kept.id,)
    assert run(fleet, mailbox).lost == ()
    fleet.start_worker()
    row = fleet.until(kept.id, "SUCCESS")
    assert (row["attempt"], row["starts"]) == (1, 1)


def test_what_workers_hold_is_not_lost(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    fleet.start_worker(concurrency=1)
    later = fleet.app.tasks["steps.add"].apply_async((1,), countdown=300)
    fleet.until(later.id, "RECEIVED")
    assert run(fleet, mailbox, "one@test") == Reconciled((), (), ())


def test_a_silent_worker_stops_it(fleet: ForeignFleet, mailbox: Mailbox) -> None:
    task = fleet.app.tasks["steps.add"].delay(1)
    eventually(lambda: fleet.row(task.id), "record")
    with pytest.raises(RefusedError, match="ghost@test did not answer"):
        run(fleet, mailbox, "ghost@test")
