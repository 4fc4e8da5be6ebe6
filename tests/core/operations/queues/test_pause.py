"""A paused queue waits, on every worker, until somebody lets it go on."""

from __future__ import annotations

import pytest

from earthgazer_core.errors import NotFoundError
from earthgazer_core.operations.queues.broker import MARKS
from earthgazer_core.operations.queues.marks import pauses
from earthgazer_core.operations.queues.pause import enforce, pause, resume
from tests.core.operations.tuned_fleet import TunedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet

BOTH = ("one@test", "two@test")


def ended(fleet: TunedFleet, count: int) -> None:
    eventually(lambda: len(fleet.steps_run()) >= count, f"{count} steps\n{fleet.log}")


def test_two_workers_stop_and_go_on(fleet: TunedFleet) -> None:
    fleet.configure(broker_transport_options={"global_keyprefix": "site:"})
    for name in ("one", "two"):
        fleet.start_worker(name=name, concurrency=1, options=("-Q", "steps,other"))
    fleet.send(0)
    ended(fleet, 1)
    heard: list[str] = []
    result = pause(
        fleet.broker, fleet.mailbox, "steps", expected=BOTH, database=fleet.database,
        on_answer=lambda answer: heard.append(answer.worker),
    )  # fmt: skip
    assert (sorted(result.stopped), result.consuming, result.is_new) == (list(BOTH), (), True)
    assert sorted(heard) == list(BOTH)
    assert result.pause.who
    kept = [fleet.send(number) for number in range(10)]
    for number in range(10):
        fleet.send(number, queue="other")
    ended(fleet, 11)
    # A read that was under way when a consumer was cancelled gives its message back.
    eventually(lambda: sorted(fleet.waiting()) == sorted(kept), "all of them waiting")
    assert len(fleet.steps_run()) == 11
    [seen] = pauses(fleet.broker)
    assert (seen.queue, seen.who, len(seen.consumers)) == ("steps", result.pause.who, 2)
    again = pause(fleet.broker, fleet.mailbox, "steps", expected=BOTH)
    assert (again.is_new, again.pause.at) == (False, result.pause.at)
    resumed = resume(fleet.broker, fleet.mailbox, "steps", expected=BOTH, database=fleet.database)
    assert (sorted(resumed.consuming), resumed.waiting) == (list(BOTH), ())
    ended(fleet, 21)
    assert pauses(fleet.broker) == ()
    assert fleet.actions() == [("queue.pause", "done"), ("queue.resume", "done")]
    with pytest.raises(NotFoundError, match="not paused"):
        resume(fleet.broker, fleet.mailbox, "steps", expected=BOTH)


def test_a_worker_that_restarts_is_told(fleet: TunedFleet) -> None:
    worker = fleet.start_worker(concurrency=1, options=("-Q", "steps,other"))
    assert enforce(fleet.broker, fleet.mailbox, expected=["one@test"]) == ()
    first = pause(fleet.broker, fleet.mailbox, "steps", expected=["one@test"])
    fleet.kill_worker(worker)
    fleet.start_worker(concurrency=1, options=("-Q", "steps,other"))
    [told] = enforce(fleet.broker, fleet.mailbox, expected=["one@test"])
    assert (told.stopped, told.pause.at) == (("one@test",), first.pause.at)
    fleet.send(1)
    fleet.send(2, queue="other")
    eventually(lambda: fleet.steps_run() == ["add 2 0"], "the other queue")
    assert enforce(fleet.broker, fleet.mailbox, expected=["one@test"]) == ()


def test_only_who_consumed_before_goes_on_and_as_before(fleet: TunedFleet) -> None:
    fleet.start_worker(name="one", concurrency=1, options=("-Q", "other"))
    fleet.start_worker(name="two", concurrency=1, options=("-Q", "other"))
    arguments = {"queue": "special", "exchange": "sorted", "exchange_type": "topic", "routing_key": "a.#"}
    fleet.mailbox.ask("add_consumer", arguments, destination=["two@test"], timeout_s=5)

    def special() -> dict[str, object]:
        told = fleet.mailbox.ask("active_queues", expected=BOTH, timeout_s=5).values
        return {
            worker: (queue["exchange"]["name"], queue["exchange"]["type"], queue["routing_key"])
            for worker, queues in told.items()
            for queue in queues
            if queue["name"] == "special"
        }

    as_before = {"two@test": ("sorted", "topic", "a.#")}
    eventually(lambda: special() == as_before, "the consumer")
    assert pause(fleet.broker, fleet.mailbox, "special", expected=BOTH).stopped == ("two@test",)
    assert special() == {}
    resume(fleet.broker, fleet.mailbox, "special", expected=BOTH)
    assert special() == as_before


def test_a_dead_worker_keeps_its_place_until_it_is_forgotten(fleet: TunedFleet) -> None:
    fleet.start_worker(name="one", concurrency=1)
    dead = fleet.start_worker(name="two", concurrency=1)
    pause(fleet.broker, fleet.mailbox, "steps", expected=BOTH)
    fleet.kill_worker(dead)
    first = resume(fleet.broker, fleet.mailbox, "steps", timeout_s=0.5, database=fleet.database)
    assert (first.consuming, first.waiting) == (("one@test",), ("two@test",))
    assert [consumer.worker for consumer in pauses(fleet.broker)[0].consumers] == ["two@test"]
    second = resume(fleet.broker, fleet.mailbox, "steps", timeout_s=0.5, forget_silent=True)
    assert (second.consuming, second.waiting, second.answers.silent) == ((), (), ("two@test",))
    assert pauses(fleet.broker) == ()
    assert fleet.actions() == [("queue.resume", "failed")]


def test_a_queue_nobody_has_is_not_paused_and_one_without_consumers_is(fleet: TunedFleet) -> None:
    with pytest.raises(NotFoundError, match="no queue ghosts"):
        pause(fleet.broker, fleet.mailbox, "ghosts", timeout_s=0.1, database=fleet.database)
    assert fleet.actions() == [("queue.pause", "refused")]
    assert pause(fleet.broker, fleet.mailbox, "steps", timeout_s=0.1).stopped == ()
    with fleet.broker.opened() as layout:
        # Somebody else's words are no pause, and no reason to fail.
        layout.client.hset(MARKS, "odd", "{}")
    assert [one.queue for one in pauses(fleet.broker)] == ["steps"]
    assert resume(fleet.broker, fleet.mailbox, "steps", timeout_s=0.1).waiting == ()
