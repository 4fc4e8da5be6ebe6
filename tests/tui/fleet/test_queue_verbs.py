"""The live fleet's verbs on queues, verified in the broker and the workers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from celery import chain, signature

from earthgazer_core.db.session import Database
from earthgazer_core.operations import audit
from earthgazer_tui.fleet.errors import NotFoundError, ReadOnlyError, RefusedError
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.models import Place, QueueContents, QueueDepth, Snapshot
from tests.tui.fleet.conftest import ForeignFleet, wait_for
from tests.tui.fleet.watching import until

pytestmark = pytest.mark.fleet

PAUSES = "earthgazer.paused"


@pytest.fixture
async def fleet(foreign: ForeignFleet) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=foreign.broker_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


def ids(client: redis.Redis, queue: str = "foreign") -> list[str]:
    """Return the tasks in a queue's first list, the next to run first, by plain Redis."""
    raws: Any = client.lrange(queue, 0, -1)
    return [json.loads(raw)["headers"]["id"] for raw in reversed(raws)]


def keys(contents: QueueContents) -> list[str]:
    return [message.key for message in contents.messages]


def queue_of(snapshot: Snapshot, name: str = "foreign") -> QueueDepth | None:
    return next((queue for queue in snapshot.queues if queue.name == name), None)


async def test_messages_are_shown_next_first_decoded_and_harmless(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    late = foreign.send("foreign.add", 1, 2, priority=9)
    hidden = foreign.app.send_task("foreign.login", ("ada",), {"password": "hunter2"})
    first = signature("foreign.add", (1, 2), app=foreign.app)
    linked = chain(first, signature("foreign.add", (3,)), signature("foreign.fail", ("x",)), app=foreign.app)
    last: Any = linked.apply_async(link_error=signature("foreign.alarm", app=foreign.app))
    chained = str(last.parent.parent.id)
    # A result that is still referred to keeps a subscription of its own.
    consumer: Any = foreign.app.backend.result_consumer  # type: ignore[attr-defined]
    consumer.stop()
    consumer.subscribed_to.clear()
    foreign.send("foreign.evil\x1b]0;owned\x07", "\x9b2J[/bold]")
    foreign.app.send_task("foreign.add", (1, {2}), queue="pickled", serializer="pickle")
    [pickled] = (await fleet.queue_contents("pickled")).messages
    assert "python-serialize, which is not opened" in pickled.note
    assert (await fleet.queue_message("pickled", pickled.key)).args == "(1, {2})"
    contents = await fleet.queue_contents("foreign")
    assert [one.position for one in contents.messages] == [0, 1, 2, 3]
    assert (contents.waiting, contents.held, contents.is_free_to_look) == (4, 0, True)
    assert [one.task_id for one in contents.messages][:2] == [hidden.id, chained]
    assert (contents.messages[3].task_id, contents.messages[3].priority) == (late, 9)
    assert "hunter2" not in repr(contents)
    assert "hidden" in contents.messages[0].note
    assert contents.messages[1].follows == ("foreign.add", "foreign.fail")
    secret = await fleet.queue_message("foreign", contents.messages[0].key)
    assert "hunter2" not in repr(secret)
    detail = await fleet.queue_message("foreign", contents.messages[1].key)
    assert (detail.args, detail.arguments_from, detail.is_gone) == ("[1, 2]", "message", False)
    assert detail.error_links == ("foreign.alarm",)
    evil = await fleet.queue_message("foreign", contents.messages[2].key)
    assert not set(repr((contents, evil))) & set("\x1b\x9b\x07")
    with pytest.raises(NotFoundError, match="no queue ghosts"):
        await fleet.queue_contents("ghosts")


async def test_only_what_was_seen_is_taken_and_only_where_it_still_is(
    foreign: ForeignFleet, fleet: LiveFleet, redis_client: redis.Redis
) -> None:
    sent = [foreign.send("foreign.add", number, 1) for number in range(6)]
    foreign.send("foreign.add", 0, 0, queue="other")
    shown = keys(await fleet.queue_contents("foreign"))
    result = await fleet.delete_messages("foreign", shown[:1])
    assert (result.is_ok, result.summary) == (True, "foreign: 1 removed")
    assert ids(redis_client) == sent[1:]

    taken: Any = redis_client.rpop("foreign")
    with pytest.raises(NotFoundError, match="no longer in foreign"):
        await fleet.delete_messages("foreign", shown[1:2])
    assert (await fleet.queue_message("foreign", shown[1])).is_gone
    result = await fleet.move_messages("foreign", shown[1:3], "other", None)
    assert (result.is_ok, "1 had gone before" in result.summary) == (False, True)
    assert ids(redis_client, "other")[1:] == sent[2:3]
    redis_client.rpush("foreign", taken)

    with pytest.raises(NotFoundError, match="no longer in its queue"):
        await fleet.delete_messages("foreign", ["never seen"])
    with pytest.raises(NotFoundError, match="no queue nowhere"):
        await fleet.plan_move("foreign", None, "nowhere", None)
    with pytest.raises(RefusedError, match="nowhere to go"):
        await fleet.plan_move("foreign", None, "foreign", None)

    plan = await fleet.plan_move("foreign", shown[3:5], None, 3)
    assert (plan.total, [one.task_id for one in plan.first]) == (2, sent[3:5])
    await fleet.move_messages("foreign", shown[3:5], None, 3)
    assert ids(redis_client, "foreign\x06\x163") == sent[3:5]
    assert (await fleet.plan_move("foreign", None, "other", None)).total == 4

    # The broker refuses to put messages into what is no list, and all is where it was.
    redis_client.set("odd", "no list")
    with pytest.raises(RefusedError, match="refuses"):
        await fleet.move_messages("foreign", None, "odd", None)
    assert ids(redis_client) == [sent[1], sent[5]]


async def test_a_purge_takes_what_it_showed_and_no_more(
    foreign: ForeignFleet, fleet: LiveFleet, redis_client: redis.Redis
) -> None:
    for number in range(12):
        foreign.send("foreign.add", number, 1, priority=number % 2 * 9)
    plan = await fleet.plan_purge("foreign")
    assert (plan.total, plan.by_priority, len(plan.first)) == (12, ((0, 6), (9, 6)), 10)
    late = foreign.send("foreign.add", 5, 5)
    result = await fleet.purge_queue("foreign", plan.token)
    assert "12 purged, 1 came since" in result.summary
    assert ids(redis_client) == [late]
    with pytest.raises(RefusedError, match="purge again"):
        await fleet.purge_queue("foreign", plan.token)
    await fleet.purge_queue("foreign", (await fleet.plan_purge("foreign")).token)
    with pytest.raises(NotFoundError, match="nothing waits"):
        await fleet.plan_purge("foreign")


async def test_a_pause_is_seen_by_all_and_told_to_workers_that_restart(
    foreign: ForeignFleet, fleet: LiveFleet, redis_client: redis.Redis
) -> None:
    def consumers() -> set[str]:
        told = foreign.app.control.inspect(timeout=0.7).active_queues() or {}
        return {worker for worker, queues in told.items() if "foreign" in {one["name"] for one in queues}}

    first = foreign.start_worker("w1", "-Q", "foreign,other")
    await until(fleet, lambda s: (queue := queue_of(s)) and queue.consumers == 1)
    timed = foreign.send("foreign.add", 1, 2, countdown=900)
    snapshot = await until(fleet, lambda s: (queue := queue_of(s)) and queue.timed)
    held = [one for one in (await fleet.queue_contents("foreign")).messages if one.held_s is not None]
    assert [(one.task_id, one.place, one.sent_at is None) for one in held] == [(timed, Place.TIMED, False)]
    assert (await fleet.queue_message("foreign", held[0].key)).args == "(1, 2)"

    result = await fleet.pause_queue("foreign")
    assert (result.is_ok, [reply.worker for reply in result.replies]) == (True, ["w1@test"])
    assert consumers() == set()
    snapshot = await until(fleet, lambda s: (queue := queue_of(s)) and queue.pause)
    pause = queue_of(snapshot).pause  # type: ignore[union-attr]
    assert (pause.who.split()[0], pause.workers) == (audit.who()[0], ("w1@test",))  # type: ignore[union-attr]

    first.terminate()
    first.wait(15)
    foreign.start_worker("w2", "-Q", "foreign,other")
    await until(fleet, lambda s: (queue := queue_of(s)) and queue.pause and "w2@test" in queue.pause.workers)
    wait_for(lambda: not consumers(), what="a pause that is enforced")

    result = await fleet.resume_queue("foreign")
    assert (result.is_ok, [reply.worker for reply in result.replies]) == (True, ["w2@test"])
    assert consumers() == {"w2@test"}
    assert redis_client.hgetall(PAUSES) == {}
    # Nobody stops it again.
    await until(fleet, lambda s: (queue := queue_of(s)) and queue.pause is None and queue.consumers == 1)
    with pytest.raises(NotFoundError, match="not paused"):
        await fleet.resume_queue("foreign")


async def test_read_only_looks_and_changes_nothing(foreign: ForeignFleet, redis_client: redis.Redis) -> None:
    sent = [foreign.send("foreign.add", number, 1) for number in range(2)]
    fleet = LiveFleet(LiveOptions(broker_url=foreign.broker_url, read_only=True))
    await fleet.open(lambda step: None)
    try:
        shown = keys(await fleet.queue_contents("foreign"))
        token = (await fleet.plan_purge("foreign")).token
        for verb in (
            fleet.delete_messages("foreign", shown), fleet.move_messages("foreign", None, "other", None),
            fleet.purge_queue("foreign", token), fleet.pause_queue("foreign"), fleet.resume_queue("foreign"),
        ):  # fmt: skip
            with pytest.raises(ReadOnlyError):
                await verb
    finally:
        await fleet.close(None)
    assert ids(redis_client) == sent


async def test_depth_is_remembered_since_the_console_began(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    foreign.send("foreign.add", 1, 1)
    await until(fleet, lambda s: (queue := queue_of(s)) and queue.depth == 1)
    hour = await fleet.queue_hour("foreign")
    assert hour.queue == "foreign"
    assert [depth for _, depth in hour.samples] in ([], [0], [1])
    assert (await fleet.queue_hour("ghosts")).samples == ()


async def test_with_a_database_it_is_audited_and_messages_have_an_age(
    foreign: ForeignFleet, database: Database, migrated_database_url: str
) -> None:
    foreign.send("foreign.add", 1, 1)
    options = LiveOptions(broker_url=foreign.broker_url, database_url=migrated_database_url)
    fleet = LiveFleet(options)
    await fleet.open(lambda step: None)
    try:
        await until(fleet, lambda s: queue_of(s))
        shown = keys(await fleet.queue_contents("foreign"))
        await fleet.delete_messages("foreign", shown)
        with pytest.raises(NotFoundError):
            await fleet.delete_messages("foreign", shown)
        told = [(one.action, one.outcome) for one in await fleet.actions()]
        assert told == [("queue.remove", "refused"), ("queue.remove", "done")]
    finally:
        await fleet.close(None)
