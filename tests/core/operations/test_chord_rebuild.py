"""Chords whose keys are gone, rebuilt from what the flight recorder kept of their members."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from celery import chain, chord, group
from sqlalchemy import text

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.core.operations.chord_fleet import ChordFleet, chord_fleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet

_numbers = itertools.count()
ODD: list[Any] = [1.0, 10**30, {"b": 1, "a": [None, "\x00", "é"]}, float("inf")]
"""A result that a column for JSON would change."""


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
    with chord_fleet(valkey, postgres, _migrated_template, tmp_path_factory.mktemp("rebuilt")) as fleet:
        fleet.start_worker(options=("--queues", "steps"))
        yield fleet


@pytest.fixture
def tag() -> str:
    """A word that no other test of the module uses."""
    return f"r{next(_numbers)}"


def test_a_failed_member_after_redis_was_emptied(fleet: ChordFleet, tag: str) -> None:
    chord([fleet.sig("give", ODD), fleet.sig("give", tag, tag), fleet.sig("give", 3)])(
        fleet.sig("collect", tag)
    )
    failed = fleet.until_failed("give", tag)
    fleet.until_quiet()
    fleet.redis.flushdb()
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[ODD, tag, 3]]
    fleet.until_quiet()
    assert len(fleet.given(tag)) == 1
    assert (fleet.journal()[f"give {ODD}"], fleet.journal()[f"give {tag}"]) == (1, 2)


def test_two_failed_members_after_redis_was_emptied(fleet: ChordFleet, tag: str) -> None:
    a, b = f"{tag}-a", f"{tag}-b"
    chord([fleet.sig("give", a, tag), fleet.sig("give", 2), fleet.sig("give", b, tag)])(
        fleet.sig("collect", tag)
    )
    ids = [fleet.until_failed("give", a), fleet.until_failed("give", b)]
    fleet.until_quiet()
    fleet.empty_results()
    fleet.retry(ids[0])
    fleet.until_failed("give", a, attempt=2)
    fleet.raise_flag(tag)
    for task_id in ids:
        fleet.retry(task_id)
    assert fleet.until_given(tag) == [[a, 2, b]]
    assert fleet.journal()[f"give {a}"] == 3


def test_a_nested_chord_after_redis_was_emptied(fleet: ChordFleet, tag: str) -> None:
    """Both chords are rebuilt, or the outer one would never hear of the inner one's end."""
    inner = f"{tag}-inner"
    chord(
        [
            chord([fleet.sig("give", tag, tag), fleet.sig("give", 2)], fleet.sig("collect", inner)),
            fleet.sig("give", 3),
        ]
    )(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    fleet.until_quiet()
    fleet.empty_results()
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[[tag, 2], 3]]
    assert fleet.given(inner) == [[tag, 2]]


def test_the_shape_of_a_header_comes_back_too(fleet: ChordFleet, tag: str) -> None:
    last = fleet.sig("after", f"{tag}-c", tag)
    chord([chain(fleet.sig("give", 1), group(fleet.sig("after", "b"), last)), fleet.sig("give", 3)])(
        fleet.sig("collect", tag)
    )
    failed = fleet.until_failed("after", f"{tag}-c")
    eventually(lambda: fleet.parts_of(fleet.group_of(failed)) == 2, "parts")
    fleet.empty_results()
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[[[1, "b"], [1, f"{tag}-c"]], 3]]


def test_a_sibling_that_runs_while_redis_is_emptied(fleet: ChordFleet, tag: str) -> None:
    slow = f"{tag}-go"
    waiting = fleet.app.tasks["steps.wait"].s(slow)
    chord([fleet.sig("give", tag, tag), waiting, fleet.sig("give", 3)])(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    eventually(lambda: fleet.journal()[f"wait {slow}"], "the slow one")
    eventually(
        lambda: fleet.rows(
            "select 1 from earthgazer.chord_parts where group_id = :g", g=fleet.group_of(failed)
        ),
        "part",
    )
    fleet.empty_results()
    fleet.raise_flag(tag)
    fleet.retry(failed)
    fleet.until(failed, "SUCCESS")
    assert fleet.given(tag) == []
    fleet.raise_flag(slow)
    assert fleet.until_given(tag) == [[tag, slow, 3]]


def test_a_body_that_was_lost_with_its_keys(fleet: ChordFleet, tag: str) -> None:
    """All members gave their parts, and then Redis lost the chord: its body is offered, and runs once."""
    body, group_id = lose_body(fleet, tag)
    offer = fleet.retrier.offer(body)
    assert (offer.mode, offer.name) == ("in place", "chords.collect")
    assert offer.reason == "all 3 members of its chord's header succeeded, and it was never published"
    other = fleet.another_retrier()

    def press(number: int) -> str:
        try:
            return (fleet.retrier if number % 2 else other).retry(body).mode
        except RefusedError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        words = list(pool.map(press, range(4)))
    assert words.count("in place") == 1, words
    assert fleet.until_given(tag) == [[tag, ODD, 3]]
    row = fleet.until(body, "SUCCESS")
    assert row["run_id"] == group_id
    fleet.until_quiet()
    assert len(fleet.given(tag)) == 1


def test_a_console_without_a_recorder_records_the_body_itself(fleet: ChordFleet, tag: str) -> None:
    body, group_id = lose_body(fleet, tag)
    with fleet.bare_app() as app:
        retrier = Retrier(fleet.database, app, encryption_key=fleet.config.encryption_key)
        retrier.retry(body)
        assert fleet.until_given(tag) == [[tag, ODD, 3]]
        fleet.until(body, "SUCCESS")
        [message] = fleet.rows("select headers from earthgazer.task_messages where task_id = :id", id=body)
    assert message["headers"]["run_id"] == group_id
    assert message["headers"]["parent_id"] is not None


def test_a_body_without_a_result_that_was_kept_is_refused(fleet: ChordFleet, tag: str) -> None:
    body, group_id = lose_body(fleet, tag)
    with fleet.database.session() as session:
        session.execute(
            text("delete from earthgazer.chord_parts where group_id = :g and place = '1'"), {"g": group_id}
        )
    with pytest.raises(RefusedError, match=r"the result of its member \S+ was not kept"):
        fleet.retrier.retry(body)


def test_a_body_that_never_ran_has_nothing_to_copy(fleet: ChordFleet, tag: str) -> None:
    body, _ = lose_body(fleet, tag)
    with pytest.raises(RefusedError, match="nothing to copy"):
        fleet.retrier.retry(body, mode="copy")


def test_a_copy_that_succeeds_after_a_delivery_that_failed(fleet: ChordFleet, tag: str) -> None:
    """Celery counts the first part, so the chord fails though all of its members have succeeded."""
    chord([fleet.sig("give", tag, tag), fleet.sig("give", 3)])(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    fleet.until_quiet()
    fleet.age(fleet.group_of(failed))
    fleet.raise_flag(tag)
    fleet.deliver_twice(failed)
    fleet.until(failed, "SUCCESS")
    [body] = {
        row["task_id"]
        for row in fleet.rows(
            "select task_id from earthgazer.task_executions where blocked_by = :id", id=failed
        )
    }
    assert fleet.given(tag) == []
    fleet.retry(body)
    assert fleet.until_given(tag) == [[tag, 3]]
    assert fleet.until(body, "SUCCESS")["blocked_by"] is None


def test_hidden_results_are_kept_sealed(fleet: ChordFleet, tag: str) -> None:
    login = fleet.app.tasks["steps.login"]
    fleet.raise_flag("login")
    chord([login.s(tag, password="hunter22"), fleet.sig("give", tag, tag)])(fleet.sig("collect", tag))
    failed = fleet.until_failed("give", tag)
    fleet.until_quiet()
    parts = fleet.rows(
        "select part, is_sealed from earthgazer.chord_parts where group_id = :g", g=fleet.group_of(failed)
    )
    assert [part["is_sealed"] for part in parts] == [True]
    assert b"hunter22" not in bytes(parts[0]["part"])
    fleet.age(fleet.group_of(failed))
    fleet.empty_results()
    fleet.raise_flag(tag)
    fleet.retry(failed)
    assert fleet.until_given(tag) == [[f"welcome {tag} with hunter22", tag]]


def lose_body(fleet: ChordFleet, tag: str) -> tuple[str, str]:
    """Run a header whose chord is lost before its first part is given, and once more after the last.

    Returns:
        Id of the body and of the header's group.
    """
    with fleet.held():
        body: Any = chord([fleet.sig("give", tag), fleet.sig("give", ODD), fleet.sig("give", 3)])(
            fleet.sig("collect", tag)
        )
        group_id = str(body.parent.id)
        fleet.empty_results()
    eventually(lambda: fleet.parts_of(group_id) == 3, "parts")
    fleet.until_quiet()
    fleet.empty_results()
    assert fleet.given(tag) == []
    fleet.age(group_id)
    return str(body.id), group_id
