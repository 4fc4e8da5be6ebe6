"""Chords that can't be mended, and why; no worker is needed to see that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from celery import Celery

from earthgazer_core.errors import RefusedError, ServiceUnavailableError
from earthgazer_core.operations.chord import ChordKeys, Repair
from earthgazer_core.operations.chord_record import ChordRecord, Member, Part


def record(
    *states: str | None, size: int | None = None, parts: tuple[Part, ...] = (), is_fresh: bool = False,
    layout: bytes | None = None, is_body_sent: bool = False,
) -> ChordRecord:  # fmt: skip
    members = tuple(Member(f"m{place}", place, state, False) for place, state in enumerate(states))
    return ChordRecord("g", size, layout, None, members, parts, is_fresh, is_body_sent)


def part(place: int, raw: bytes = b'[1, "m0", "SUCCESS", 1]') -> Part:
    return Part(f"m{place}", str(place), raw)


@pytest.fixture
def app(broker_url: str) -> Iterator[Celery]:
    with closing(Celery("chords", broker=broker_url, backend=broker_url, set_as_current=False)) as app:
        yield app
        app.backend.client.connection_pool.disconnect()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (record("SUCCESS", "FAILURE", is_body_sent=True), "the chord's body was sent already"),
        (record(), "does not say how many"),
        (record("SUCCESS", "FAILURE", is_fresh=True), "still on their way"),
        (record("SUCCESS", "FAILURE"), "the result of its member m0 was not kept"),
        (record("SUCCESS", "FAILURE", parts=(part(0, b""),)), "the result of its member m0 was not kept"),
        (record("SUCCESS", "FAILURE", parts=(part(0),)), ""),
        (record("SUCCESS", "FAILURE", size=2, parts=(part(0),), is_fresh=True), ""),
    ],
)
def test_a_chord_without_keys(app: Celery, known: ChordRecord, reason: str) -> None:
    told = ChordKeys(app).refusal(Repair(known, frozenset({"m1"})))
    assert reason in told
    assert bool(reason) == bool(told)


def test_members_in_the_same_place_tell_of_groups_inside(app: Celery) -> None:
    members = (Member("a", 0, "SUCCESS", False), Member("b", 0, "FAILURE", False))
    known = ChordRecord("g", 2, None, None, members, (Part("a", "0", b"[]"),), False, False)
    assert "whose shape was not recorded" in ChordKeys(app).refusal(Repair(known, frozenset({"b"})))


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"c": "done"}, "the chord's body was sent already"),
        ({"c": "some-worker", "s": "2"}, "a worker concludes the chord just now"),
        ({"d": "text"}, "a layout that is not known here"),
    ],
)
def test_keys_that_forbid_it(
    app: Celery, redis_client: redis.Redis, keys: dict[str, str], reason: str
) -> None:
    for name, value in keys.items():
        redis_client.set(f"celery-taskset-meta-g.{name}", value)
    before = {key: redis_client.get(key) for key in redis_client.scan_iter()}
    repair = Repair(record("SUCCESS", "FAILURE", parts=(part(0),)), frozenset({"m1"}))
    assert reason in ChordKeys(app).refusal(repair)
    with pytest.raises(RefusedError, match=reason):
        ChordKeys(app).settle(repair)
    assert {key: redis_client.get(key) for key in redis_client.scan_iter()} == before


def test_settling_twice_changes_nothing(app: Celery, redis_client: redis.Redis) -> None:
    repair = Repair(record("SUCCESS", "FAILURE", parts=(part(0),)), frozenset({"m1"}))
    ChordKeys(app).settle(repair)
    first = {key: redis_client.dump(key) for key in redis_client.scan_iter()}
    ChordKeys(app).settle(repair)
    assert {key: redis_client.dump(key) for key in redis_client.scan_iter()} == first
    assert redis_client.get("celery-taskset-meta-g.s") == b"2"
    assert redis_client.smembers("celery-taskset-meta-g.d") == {b"m0:0"}
    assert 0 < redis_client.ttl("celery-taskset-meta-g.s") <= 86_400


def test_a_claim_is_given_back_where_nothing_was_sent(app: Celery) -> None:
    known = record("SUCCESS", "SUCCESS", parts=(part(0), part(1, b'[1, "m1", "SUCCESS", 2]')))
    keys = ChordKeys(app)
    with pytest.raises(ServiceUnavailableError), keys.claimed(known):
        raise ServiceUnavailableError("no broker")
    with keys.claimed(known) as results:
        assert results == [1, 2]
        with pytest.raises(RefusedError, match="concludes the chord just now"), keys.claimed(known):
            pass
    with pytest.raises(RefusedError, match="sent already"), keys.claimed(known):
        pass


def test_a_body_is_not_claimed_while_parts_are_missing(app: Celery) -> None:
    known = record("SUCCESS", "FAILURE", parts=(part(0),))
    with pytest.raises(RefusedError, match="1 of 2 parts"), ChordKeys(app).claimed(known):
        pass


def test_other_result_backends_are_refused(broker_url: str) -> None:
    with closing(Celery("other", broker=broker_url, backend="cache+memory://", set_as_current=False)) as app:
        assert "CacheBackend is no Redis result backend" in ChordKeys(app).refusal(Repair(record("FAILURE")))


def test_parts_that_are_no_json_are_refused(app: Celery) -> None:
    app.conf.result_serializer = "pickle"
    assert "kept as pickle, not JSON" in ChordKeys(app).refusal(Repair(record("FAILURE")))
