"""Failed members of chords of every shape, run again in place: each body runs once, with all results.

What ran is counted in the journal that tasks keep beside Celery.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from celery import chain, chord, group

from earthgazer_core.errors import NotFoundError, RefusedError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.reconcile import reconcile
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.core.operations.chord_fleet import ChordFleet, chord_fleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _no_recorder_of_others() -> None:
    """The fleet lives as long as the module, its recorder too."""


@pytest.fixture(scope="module")
def fleet(
    valkey: ValkeyServer,
    postgres: PostgresServer,
    _migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ChordFleet]:
    with chord_fleet(valkey, postgres, _migrated_template, tmp_path_factory.mktemp("chords")) as fleet:
        fleet.start_worker(options=("--queues", "steps"))
        yield fleet


@pytest.fixture
def tag() -> str:
    """A word that no other test of the module uses."""
    return f"t{next(_numbers)}"


def test_several_failed_members_at_once(fleet: ChordFleet, tag: str) -> None:
    a, b = f"{tag}-a", f"{tag}-b"
    chord([fleet.sig("give", a, tag), fleet.sig("give", b, tag), fleet.sig("give", 3)])(
        fleet.sig("collect", tag)
    )
    ids = [fleet.until_failed("give", a), fleet.until_failed("give", b)]
    fleet.raise_flag(tag)
    for task_id in ids:
        fleet.retry(task_id)
    assert fleet.until_given(tag) == [[a, b, 3]]
    fleet.settles(tag, [a, b])


def test_a_task_retried_twice_runs_its_body_once(fleet: ChordFleet, tag: str) -> None:
    body = chord([fleet.sig("give", tag, tag), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    fleet.retry(failed)
    assert fleet.until_failed("give", tag, attempt=2) == failed
    fleet.raise_flag(tag)
    assert fleet.retry(failed).attempt == 3
    assert fleet.until_given(tag) == [[tag, 3]]
    assert fleet.journal()[f"give {tag}"] == 3
    assert fleet.until(failed, "SUCCESS")["attempt"] == 3
    errors = fleet.rows(
        "select attempt, detail from earthgazer.task_state_changes where task_id = :id and state = 'FAILURE'"
        " order by attempt",
        id=failed,
    )
    assert [row["attempt"] for row in errors] == [1, 2]
    assert all("LookupError" in row["detail"]["traceback"] for row in errors)
    assert body.get(timeout=5) == [tag, 3]


def test_a_message_delivered_twice_counts_once(fleet: ChordFleet, tag: str) -> None:
    chord([fleet.sig("give", tag, tag), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    fleet.raise_flag(tag)
    fleet.retry(failed)
    fleet.deliver_twice(failed)
    assert fleet.until_given(tag) == [[tag, 3]]
    eventually(lambda: fleet.journal()[f"give {tag}"] == 3, "both deliveries")
    fleet.settles(tag, [tag])


def test_a_failed_body_runs_again_with_what_its_header_gave(fleet: ChordFleet, tag: str) -> None:
    body = chord([fleet.sig("give", tag), fleet.sig("give", [1, None])])(fleet.sig("collect", tag, tag))
    fleet.until(body.id, "FAILURE")
    fleet.raise_flag(tag)
    fleet.retry(body.id)
    assert fleet.until_given(tag, 2) == [[tag, [1, None]]] * 2
    assert fleet.journal()[f"give {tag}"] == 1
    assert body.get(timeout=5) == [tag, [1, None]]


def test_a_chord_inside_a_header(fleet: ChordFleet, tag: str) -> None:
    inner, x = f"{tag}-inner", f"{tag}-x"
    chord(
        [
            chord([fleet.sig("give", x, tag), fleet.sig("give", 2)], fleet.sig("collect", inner)),
            fleet.sig("give", 3),
        ]
    )(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", x)
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[[x, 2], 3]]
    assert fleet.given(inner) == [[x, 2]]
    fleet.settles(tag, [x])


def test_the_body_of_a_chord_inside_a_header(fleet: ChordFleet, tag: str) -> None:
    """It gives a part to the outer chord, so its failure fails that."""
    inner = f"{tag}-inner"
    chord(
        [
            chord([fleet.sig("give", 1), fleet.sig("give", 2)], fleet.sig("collect", inner, tag)),
            fleet.sig("give", 3),
        ]
    )(fleet.sig("collect", tag))
    failed = fleet.until_failed("collect", inner)
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[[1, 2], 3]]
    assert fleet.given(inner) == [[1, 2]] * 2


def test_a_chord_as_a_body(fleet: ChordFleet, tag: str) -> None:
    chord([fleet.sig("give", tag, tag), fleet.sig("give", 2)])(
        chord([fleet.sig("after", "y"), fleet.sig("after", "z")], fleet.sig("collect", tag))
    )
    failed = fleet.until_failed("give", tag)
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[[[tag, 2], "y"], [[tag, 2], "z"]]]


def test_groups_inside_a_header(fleet: ChordFleet, tag: str) -> None:
    """Celery flattens them, and reverses the inner ones; a retry changes nothing of that."""

    def run(label: str, flag: str | None) -> None:
        inside = group(fleet.sig("give", 1), fleet.sig("give", f"{tag}-x", flag), fleet.sig("give", 2))
        chord([inside, fleet.sig("give", 3)])(fleet.sig("collect", label))

    run(f"{tag}-smooth", None)
    smooth = fleet.until_given(f"{tag}-smooth")
    run(tag, tag)
    failed = fleet.until_failed("give", f"{tag}-x")
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == smooth


@pytest.mark.parametrize("fails", ["first", "member"])
def test_a_chain_that_ends_in_a_group_inside_a_header(fleet: ChordFleet, tag: str, fails: str) -> None:
    """Its members give one list together, whose shape Celery keeps apart."""
    first = fleet.sig("give", tag, tag if fails == "first" else None)
    last = fleet.sig("after", f"{tag}-c", tag if fails == "member" else None)
    chord([chain(first, group(fleet.sig("after", "b"), last)), fleet.sig("give", 3)])(
        fleet.sig("collect", tag)
    )
    failed = fleet.until_failed("give", tag) if fails == "first" else fleet.until_failed("after", f"{tag}-c")
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[[[tag, "b"], [tag, f"{tag}-c"]], 3]]


def test_a_copy_takes_its_originals_place_in_the_shape_of_a_header(fleet: ChordFleet, tag: str) -> None:
    last = fleet.sig("after", f"{tag}-c", tag)
    chord([chain(fleet.sig("give", tag), group(fleet.sig("after", "b"), last)), fleet.sig("give", 3)])(
        fleet.sig("collect", tag)
    )
    failed = fleet.until_failed("after", f"{tag}-c")
    fleet.raise_flag(tag)
    assert fleet.retry(failed, mode="copy").new_id is not None
    assert fleet.until_given(tag) == [[[[tag, "b"], [tag, f"{tag}-c"]], 3]]


def test_a_revoked_member_comes_back_as_a_copy(fleet: ChordFleet, tag: str) -> None:
    chord([fleet.sig("give", tag).set(countdown=1.5), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    revoked = fleet.id_of("give", tag)
    fleet.app.control.revoke(revoked)
    fleet.until(revoked, "REVOKED")
    done = fleet.retry(revoked)
    assert (done.mode, done.new_id is not None) == ("copy", True)
    assert fleet.until_given(tag) == [[tag, 3]]
    assert fleet.journal()[f"give {tag}"] == 1


@pytest.mark.parametrize("fails", ["first", "member"])
def test_a_group_inside_a_chain(fleet: ChordFleet, tag: str, fails: str) -> None:
    first = fleet.sig("give", tag, tag if fails == "first" else None)
    last = fleet.sig("after", f"{tag}-c", tag if fails == "member" else None)
    end: Any = chain(first, group(fleet.sig("after", "b"), last), fleet.sig("collect", tag)).apply_async()
    failed = fleet.until_failed("give", tag) if fails == "first" else fleet.until_failed("after", f"{tag}-c")
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[[tag, "b"], [tag, f"{tag}-c"]]]
    assert end.get(timeout=5) == [[tag, "b"], [tag, f"{tag}-c"]]


def test_a_group_in_a_chain_in_a_header(fleet: ChordFleet, tag: str) -> None:
    inner = f"{tag}-inner"
    chord(
        [
            chain(
                fleet.sig("give", tag, tag),
                group(fleet.sig("after", "b"), fleet.sig("after", "c")),
                fleet.sig("collect", inner),
            ),
            fleet.sig("give", 3),
        ]
    )(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[[[tag, "b"], [tag, "c"]], 3]]


def test_a_member_that_was_added_later(fleet: ChordFleet, tag: str) -> None:
    chord([fleet.sig("grow", "x", tag, tag), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    fleet.raise_flag(tag)
    fleet.retry(failed)
    [given] = fleet.until_given(tag)
    assert sorted(map(str, given)) == sorted(["x", tag, "3"])


def test_a_member_that_adds_another_and_fails(fleet: ChordFleet, tag: str) -> None:
    """What its failed run had added is taken out: the next run adds its own."""
    own = f"{tag}-own"
    chord([fleet.sig("grow", own, tag, None, own), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    failed = fleet.until_failed("grow", own)
    eventually(lambda: fleet.journal()[f"give {tag}"] == 1, "the added one")
    fleet.raise_flag(own)
    fleet.retry(failed)
    [given] = fleet.until_given(tag)
    assert sorted(map(str, given)) == sorted([own, tag, "3"])
    assert fleet.journal()[f"give {tag}"] == 2


@pytest.mark.parametrize("by", ["group", "chord"])
def test_a_member_that_replaced_itself(fleet: ChordFleet, tag: str, by: str) -> None:
    values = [f"{tag}-x", f"{tag}-y"]
    split = (
        fleet.sig("split", values, tag)
        if by == "group"
        else fleet.sig("split_chord", values, f"{tag}-i", tag)
    )
    body: Any = chord([split, fleet.sig("give", 3)])(fleet.sig("collect", tag))
    ids = [fleet.until_failed("give", value) for value in values]

    def cause() -> Any:
        try:
            told = fleet.retrier.offer(body.id)
        except NotFoundError:  # its record is still on the way
            return None
        return told if "blocked by" in told.reason else None

    offer = eventually(cause, "its cause")
    assert any(task_id in offer.reason for task_id in ids)
    fleet.raise_flag(tag)
    for task_id in ids:
        fleet.retry(task_id)
    assert fleet.until_given(tag) == [[values, 3]]
    fleet.settles(tag, values)


def test_double_presses_of_two_operators_publish_once(fleet: ChordFleet, tag: str) -> None:
    chord([fleet.sig("give", tag, tag), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    eventually(lambda: fleet.retrier.offer(failed).mode == "in place", "offer")
    fleet.raise_flag(tag)
    other = fleet.another_retrier()

    def press(number: int) -> str:
        try:
            return (fleet.retrier if number % 2 else other).retry(failed).mode
        except RefusedError as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        words = list(pool.map(press, range(6)))
    assert words.count("in place") == 1
    assert fleet.until_given(tag) == [[tag, 3]]
    assert fleet.journal()[f"give {tag}"] == 2


def test_a_body_is_blocked_by_whichever_header_still_fails(fleet: ChordFleet, tag: str) -> None:
    a, b = f"{tag}-a", f"{tag}-b"
    body = chord([fleet.sig("give", a, a), fleet.sig("give", b, b)])(fleet.sig("collect", tag))
    first, second = fleet.until_failed("give", a), fleet.until_failed("give", b)
    with pytest.raises(RefusedError, match="it never ran: it is blocked by"):
        fleet.retrier.retry(body.id)
    fleet.raise_flag(a)
    fleet.retry(first)
    fleet.until(first, "SUCCESS")
    assert second in fleet.retrier.offer(body.id).reason
    assert fleet.row(body.id)["blocked_by"] == second  # type: ignore[index]
    fleet.raise_flag(b)
    fleet.retry(second)
    assert fleet.until_given(tag) == [[a, b]]


def test_keys_of_a_celery_before_5_7(fleet: ChordFleet, tag: str) -> None:
    """Those have the size still, and neither givers nor a lease."""
    chord([fleet.sig("give", tag, tag), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    eventually(lambda: fleet.retrier.offer(failed).mode == "in place", "offer")
    [gid] = {
        row["group_id"]
        for row in fleet.rows("select * from earthgazer.task_executions where task_id = :id", id=failed)
    }
    fleet.redis.delete(f"celery-taskset-meta-{gid}.d", f"celery-taskset-meta-{gid}.c")
    fleet.redis.set(f"celery-taskset-meta-{gid}.s", 2)
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[tag, 3]]


def test_a_chord_kept_without_order(fleet: ChordFleet, tag: str) -> None:
    fleet.is_unordered = True
    worker = fleet.start_worker(name="unordered", options=("--queues", "unordered"), concurrency=1)
    try:
        parts = [
            fleet.sig("give", value, flag, queue="unordered")
            for value, flag in ((tag, tag), (2, None), (3, None))
        ]
        chord(parts)(fleet.sig("collect", tag, queue="unordered"))
        failed = fleet.until_failed("give", tag)
        fleet.raise_flag(tag)
        fleet.retry(failed)
        assert fleet.until_given(tag) == [[2, 3, tag]]
    finally:
        fleet.is_unordered = False
        fleet.kill_worker(worker)


def test_what_is_no_json_goes_out_again_byte_for_byte(fleet: ChordFleet, tag: str) -> None:
    """It is never decoded, so in a header, where its place would have to be read, it is refused."""
    alone = fleet.sig("pickled", tag, tag).apply_async()
    fleet.until(alone.id, "FAILURE")
    chord([fleet.sig("pickled", f"{tag}-in", tag), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    inside = fleet.until_failed("pickled", f"{tag}-in")
    with pytest.raises(RefusedError, match="application/x-python-serialize, which is never decoded"):
        fleet.retrier.retry(inside)
    ahead = fleet.until_failed("pickled", fleet.chain_into_a_header(tag))
    with pytest.raises(RefusedError, match="its chain ends in a group"):
        fleet.retrier.retry(ahead)
    fleet.raise_flag(tag)
    assert fleet.retry(alone.id).mode == "in place"
    fleet.until(alone.id, "SUCCESS")
    assert fleet.journal()[f"pickled {tag}"] == 2


def test_a_member_whose_process_was_killed(fleet: ChordFleet, tag: str) -> None:
    dies = fleet.app.tasks["steps.die"].s(tag)
    chord([dies, fleet.sig("give", 3)])(fleet.sig("collect", tag))
    [failed] = eventually(
        lambda: fleet.rows(
            "select task_id, error_type from earthgazer.task_executions"
            " where name = 'steps.die' and state = 'FAILURE'"
        ),
        f"loss\n{fleet.log}",
    )
    assert failed["error_type"] == "WorkerLostError"
    fleet.raise_flag(tag)
    fleet.retry(failed["task_id"])
    assert fleet.until_given(tag) == [[tag, 3]]
    assert fleet.journal()[f"die {tag}"] == 2


def test_a_member_whose_worker_was_killed(fleet: ChordFleet, tag: str) -> None:
    """Its message was acknowledged early, so it is nowhere: the reconciler's case, and the chord goes on."""
    worker = fleet.start_worker(name=tag, options=("--queues", tag), concurrency=1)
    chord([fleet.sig("early", tag, tag, queue=tag), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    eventually(lambda: fleet.journal()[f"early {tag}"] == 1, "start")
    lost = fleet.id_of("early", tag)
    fleet.until(lost, "STARTED")
    fleet.kill_worker(worker)
    with closing(RedisBroker(fleet.app)) as broker, closing(Mailbox(fleet.app)) as mailbox:
        retrier = fleet.another_retrier(broker)
        offer = retrier.offer(lost)
        assert offer.mode == "refused"
        assert offer.reason == (
            f"it is STARTED on {tag}@test, and its message is in no queue and unacknowledged by nobody:"
            " if that worker died, reconciling publishes it again"
        )
        fleet.raise_flag(tag)
        other = fleet.start_worker(name=f"{tag}-2", options=("--queues", tag), concurrency=1)
        done = reconcile(
            fleet.database, fleet.app, broker, mailbox, ["one@test", f"{tag}-2@test"], grace_s=0,
            begun_grace_s=0,
            timeout_s=1.0,
        )  # fmt: skip
    assert done.republished == (lost,)
    assert fleet.until_given(tag) == [[tag, 3]]
    assert fleet.journal()[f"early {tag}"] == 2
    fleet.kill_worker(other)


def test_what_waits_or_is_held_says_so(fleet: ChordFleet, tag: str) -> None:
    worker = fleet.start_worker(name=tag, options=("--queues", tag), concurrency=1)
    held, waiting = (fleet.app.tasks["steps.wait"].apply_async((f"{tag}-{n}",), queue=tag) for n in "ab")
    fleet.until(held.id, "PROGRESS")
    with closing(RedisBroker(fleet.app)) as broker:
        retrier = fleet.another_retrier(broker)
        eventually(lambda: fleet.row(waiting.id), "record")
        assert retrier.offer(waiting.id).reason == f"it is PENDING: its message waits in {tag}"
        fleet.kill_worker(worker)
        reason = retrier.offer(held.id).reason
        assert reason.startswith(f"it is PROGRESS on {tag}@test, which has not acknowledged its message")
        assert reason.endswith("it comes back within 3600 s")
