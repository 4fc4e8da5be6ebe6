"""How fast queues drain, and what can't be known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from earthgazer_core.operations.broker import BrokerSnapshot, QueueState
from earthgazer_core.operations.queues.rates import DepthHistory, QueueRate, queue_rates, time_to_drain_s
from tests.core.operations.tuned_fleet import TunedFleet

START = datetime(2026, 11, 1, tzinfo=UTC)


def seen(after_s: float, depth: int) -> BrokerSnapshot:
    state = QueueState("steps", depth, ((0, depth),), 0, None, None)
    return BrokerSnapshot(START + timedelta(seconds=after_s), (state,), 0, 3600)


@pytest.mark.parametrize(
    ("waiting", "into", "out", "expected"),
    [(0, 5, 1, 0.0), (100, 1, 3, 50.0), (100, 3, 3, None), (100, 3, 1, None)],
)
def test_time_to_drain(waiting: int, into: float, out: float, expected: float | None) -> None:
    assert time_to_drain_s(waiting, into, out) == expected
    assert QueueRate("q", into, out).drained_in_s(waiting) == expected


def test_a_history_keeps_an_hour() -> None:
    history = DepthHistory(sample_s=10)
    assert history.change_per_s("steps") is None
    for number in range(4_000):
        history.add(seen(number, 10_000 - number))
    depths = history.depths("steps")
    assert len(depths) == 360
    assert depths[-1] == (START + timedelta(seconds=3_990), 6_010)
    assert history.change_per_s("steps") == pytest.approx(-1.0)
    assert history.drained_in_s("steps") == pytest.approx(6_010)


def test_a_queue_that_grows_never_drains() -> None:
    history = DepthHistory(sample_s=1)
    history.add(seen(0, 0))
    assert history.drained_in_s("steps") is None
    history.add(seen(10, 50))
    assert history.change_per_s("steps") == 5
    assert history.drained_in_s("steps") is None


@pytest.mark.fleet
def test_the_record_knows_rates(fleet: TunedFleet) -> None:
    ids = [fleet.send(number) for number in range(3)]
    waiting = fleet.send(9, queue="idle")
    fleet.start_worker(concurrency=1)
    for task_id in ids:
        fleet.until(task_id, "SUCCESS")
    fleet.until(waiting, "PENDING")
    with fleet.database.session() as session:
        rates = {rate.queue: rate for rate in queue_rates(session, timedelta(seconds=60))}
    assert rates["steps"].in_per_s == pytest.approx(3 / 60)
    assert rates["steps"].out_per_s == pytest.approx(3 / 60)
    assert (rates["idle"].out_per_s, rates["idle"].drained_in_s(1)) == (0, None)
