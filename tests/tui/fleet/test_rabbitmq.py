"""The live fleet on RabbitMQ: events, depths, workers' answers and levers over AMQP, no database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.parse import quote

import pytest
from kombu import Connection

from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.models import Resize, ServiceState, Snapshot, Worker, WorkerState
from tests.rabbitmq import RabbitServer
from tests.tui.fleet.conftest import ForeignFleet, wait_for
from tests.tui.fleet.watching import until

pytestmark = pytest.mark.fleet


def _worker(snapshot: Snapshot) -> Worker | None:
    return next((worker for worker in snapshot.workers if worker.hostname == "w1@test"), None)


def _knows_pool(snapshot: Snapshot, size: int = 2) -> bool:
    worker = _worker(snapshot)
    return worker is not None and worker.pool_size == size


@pytest.fixture
def rabbit_fleet(rabbitmq_url: str) -> Iterator[ForeignFleet]:
    fleet = ForeignFleet(rabbitmq_url)
    yield fleet
    fleet.stop()


@pytest.fixture
async def fleet(rabbit_fleet: ForeignFleet) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=rabbit_fleet.broker_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


async def test_workers_tasks_queues_and_failures_are_live(
    rabbit_fleet: ForeignFleet, fleet: LiveFleet
) -> None:
    rabbit_fleet.start_worker()
    snapshot = await until(fleet, _knows_pool)
    worker = _worker(snapshot)
    assert worker is not None
    assert (worker.pool, worker.queues, worker.resize_refusal) == ("prefork", ("foreign",), "")
    assert snapshot.broker.state is ServiceState.UP
    failed = rabbit_fleet.send("foreign.fail", "out of luck")
    await until(fleet, lambda s: any(r.task_id == failed and r.state == "FAILURE" for r in s.recent))
    task_id = rabbit_fleet.send("foreign.sleep", 1.5)
    snapshot = await until(fleet, lambda s: (w := _worker(s)) and w.running)
    worker = _worker(snapshot)
    assert worker is not None
    assert [(task.task_id, task.name) for task in worker.running] == [(task_id, "foreign.sleep")]
    await until(fleet, lambda s: any(r.task_id == task_id and r.state == "SUCCESS" for r in s.recent))
    [row] = await fleet.failed()
    assert (row.task_id, row.error_type) == (failed, "ValueError")
    assert [row.task_id for row in await fleet.tasks("state:SUCCESS")] == [task_id]
    for number in range(20):
        rabbit_fleet.send("foreign.sleep", 0.5 + number / 100)
    snapshot = await until(fleet, lambda s: s.queues and s.queues[0].depth > 5)
    assert (snapshot.queues[0].name, snapshot.queues[0].unacked) == ("foreign", None)
    grown = await fleet.tell_workers(["w1@test"], Resize(1))
    assert grown.is_ok
    await until(fleet, lambda s: _knows_pool(s, 3))
    later = rabbit_fleet.send("foreign.add", 1, 2, countdown=60)
    await until(fleet, lambda s: s.queues[0].depth == 0)
    await until(fleet, lambda s: any(r.task_id == later and r.state == "RECEIVED" for r in s.recent))
    result = await fleet.revoke([later])
    assert [(reply.worker, reply.is_ok) for reply in result.replies] == [("w1@test", True)]


async def test_messages_are_looked_at_moved_and_purged(rabbit_fleet: ForeignFleet, fleet: LiveFleet) -> None:
    ids = [rabbit_fleet.send("foreign.add", number, 0) for number in range(3)]
    rabbit_fleet.send("foreign.add", 9, 9, queue="other")
    # Without workers and without the management API nobody names the queues but the events.
    await until(fleet, lambda s: sorted(queue.name for queue in s.queues) == ["foreign", "other"])
    contents = await fleet.queue_contents("foreign")
    assert ([one.task_id for one in contents.messages], contents.held) == (ids, None)
    first, second, _ = contents.messages
    assert (await fleet.delete_messages("foreign", [first.key])).is_ok
    assert (await fleet.move_messages("foreign", [second.key], "other", None)).is_ok
    plan = await fleet.plan_purge("foreign")
    assert (plan.total, plan.held) == (1, None)
    assert (await fleet.purge_queue("foreign", plan.token)).is_ok
    assert [one.task_id for one in (await fleet.queue_contents("other")).messages][1:] == [ids[1]]


async def test_a_queue_is_paused_and_goes_on(rabbit_fleet: ForeignFleet, fleet: LiveFleet) -> None:
    rabbit_fleet.start_worker()
    await until(fleet, _knows_pool)
    assert (await fleet.pause_queue("foreign")).is_ok
    task_id = rabbit_fleet.send("foreign.add", 1, 2)
    await until(fleet, lambda s: s.queues and s.queues[0].depth == 1 and s.queues[0].pause)
    assert (await fleet.resume_queue("foreign")).is_ok
    await until(fleet, lambda s: any(r.task_id == task_id and r.state == "SUCCESS" for r in s.recent))
    await until(fleet, lambda s: s.queues[0].pause is None)


async def test_a_connection_that_is_cut_comes_back(
    rabbit_fleet: ForeignFleet, fleet: LiveFleet, rabbitmq: RabbitServer
) -> None:
    rabbit_fleet.start_worker()
    await until(fleet, _knows_pool)
    host = rabbit_fleet.broker_url.rpartition("/")[2]

    def connected() -> list[str]:
        found = [one["name"] for one in rabbitmq.call("GET", "/api/connections") if one["vhost"] == host]
        return found if len(found) >= 3 else []

    for name in await asyncio.to_thread(wait_for, connected):
        try:
            await asyncio.to_thread(rabbitmq.call, "DELETE", f"/api/connections/{quote(name)}")
        except HTTPError as error:
            # The list is seconds old, and some connections live for one command.
            if error.code != HTTPStatus.NOT_FOUND:
                raise
    await until(fleet, lambda s: (w := _worker(s)) and w.state is WorkerState.SEEN)

    def sends_and_sees(snapshot: Snapshot) -> bool:
        rabbit_fleet.send("foreign.add", 1, 2)
        return any(row.state == "SUCCESS" for row in snapshot.recent)

    await until(fleet, sends_and_sees)
    assert (await fleet.tell_workers(["w1@test"], Resize(1))).is_ok


async def test_a_broker_that_is_away_is_down_without_its_password() -> None:
    fleet = LiveFleet(LiveOptions(broker_url="amqp://guest:hunter2@127.0.0.1:1//", refresh_hz=10))
    await fleet.open(lambda step: None)
    try:
        snapshot = await until(fleet, lambda s: s.broker.state is ServiceState.DOWN)
        assert "hunter2" not in repr(snapshot)
        with pytest.raises(FleetError):
            await fleet.enable_events()
    finally:
        await fleet.close(None)


async def test_closing_leaves_nothing_in_the_broker(
    rabbit_fleet: ForeignFleet, rabbitmq: RabbitServer
) -> None:
    fleet = LiveFleet(LiveOptions(broker_url=rabbit_fleet.broker_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    await until(fleet, lambda s: s.broker.state is ServiceState.UP)
    await fleet.enable_events()
    host = rabbit_fleet.broker_url.rpartition("/")[2]

    def queues() -> list[str]:
        return [one["name"] for one in rabbitmq.call("GET", f"/api/queues/{host}?disable_stats=true")]

    await asyncio.to_thread(wait_for, lambda: any(name.startswith("celeryev.") for name in queues()))
    await fleet.close(None)
    await asyncio.to_thread(wait_for, lambda: queues() == [])
    with Connection(rabbit_fleet.broker_url) as connection:
        connection.connect()
