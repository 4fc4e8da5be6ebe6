"""The live fleet's orders to workers, and what workers say of themselves, on a broker alone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from earthgazer_tui.fleet.errors import ReadOnlyError, RefusedError
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.models import (
    ActionResult,
    AddConsumer,
    FactKind,
    Lever,
    LimitRate,
    Reply,
    Resize,
    RestartPool,
    ShutDown,
    Snapshot,
    SwitchEvents,
    Worker,
    WorkerFact,
    WorkerState,
)
from tests.tui.fleet.conftest import ForeignFleet
from tests.tui.fleet.watching import until

pytestmark = pytest.mark.fleet


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the audit of a fleet without a database out of the caller's home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
async def fleet(foreign: ForeignFleet) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=foreign.broker_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


def seen(snapshot: Snapshot, hostname: str = "w1@test") -> Worker | None:
    found = [one for one in snapshot.workers if one.hostname == hostname and one.pool and one.refusals]
    return found[0] if found else None


async def test_orders_are_heard_as_they_come_and_what_they_changed_is_marked(
    foreign: ForeignFleet, fleet: LiveFleet, tmp_path: Path
) -> None:
    foreign.start_worker("w1")
    foreign.start_worker("w2", "-P", "threads")
    await until(fleet, lambda s: seen(s) and seen(s, "w2@test"))
    heard: list[tuple[Reply, float]] = []
    start = time.monotonic()
    everybody = ["w1@test", "gone@test", "w2@test"]
    done: list[ActionResult] = []
    result = await fleet.tell_workers(
        everybody, Resize(1), lambda reply: heard.append((reply, time.monotonic() - start)), done.append
    )
    assert not result.is_ok
    assert not done
    assert {reply.worker: reply.is_ok for reply in result.replies} == {
        "w1@test": True, "w2@test": False, "gone@test": False,
    }  # fmt: skip
    first = {reply.worker: after_s for reply, after_s in heard}
    assert first.keys() == {"w1@test", "w2@test"}
    assert max(first.values()) < 1.5
    assert result.replies[-1].text == "no answer in 2 s; never seen"
    for order in (LimitRate("foreign.add", "10/m"), AddConsumer("other")):
        result = await fleet.tell_workers(["w1@test"], order, None, done.append)
        assert result.is_ok
        assert done.pop() == result

    def changed(snapshot: Snapshot) -> bool:
        worker = seen(snapshot)
        return worker is not None and worker.pool_size == 3 and "other" in worker.queues

    worker = seen(await until(fleet, changed))
    assert worker is not None
    assert worker.changes == (
        "pool of 3 ≠ 2 configured", "takes from other ≠ configured", "rate limit of foreign.add: 10/m",
    )  # fmt: skip
    assert (tmp_path / "earthgazer" / "audit.jsonl").read_text().count('"worker.') == 3


async def test_a_pool_that_can_not_says_why_before_anything_is_sent(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    foreign.start_worker("w1", "-P", "solo")
    worker = seen(await until(fleet, seen))
    assert worker is not None
    assert {lever for lever, _ in worker.refusals} == set(Lever) - {Lever.RATE_LIMIT}
    with pytest.raises(RefusedError, match="w1@test: a solo pool has no processes to restart"):
        await fleet.tell_workers(["w1@test"], RestartPool())


async def test_a_worker_that_died_between_key_and_act_is_one_clear_line(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    process = foreign.start_worker("w1")
    await until(fleet, seen)
    os.killpg(process.pid, signal.SIGKILL)
    with pytest.raises(RefusedError) as error:
        await fleet.tell_workers(["w1@test"], SwitchEvents(on=True))
    assert str(error.value).startswith("w1@test: no answer in 2 s; last seen ")
    facts: list[WorkerFact] = []
    await fleet.worker_facts("w1@test", [FactKind.STATS], facts.append)
    assert facts[0].trouble.startswith("no answer in 2 s; last seen ")


async def test_a_warm_shutdown_tells_what_still_runs_until_it_has_ended(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    process = foreign.start_worker("w1")
    await until(fleet, seen)
    task_id = foreign.send("foreign.sleep", 3.0)
    await until(fleet, lambda s: (worker := seen(s)) and worker.running)
    heard: list[Reply] = []
    result = await fleet.tell_workers(["w1@test"], ShutDown(wait_s=30), heard.append)
    assert (heard[0].is_final, f"still runs sleep {task_id[:8]}" in heard[0].text) == (False, True)
    assert result.is_ok
    assert result.replies == (Reply("w1@test", True, "has left; what it ran has ended"),)
    assert await asyncio.to_thread(process.wait, 10) == 0
    await until(fleet, lambda s: [one.state for one in s.workers] == [WorkerState.STOPPED])


async def test_a_worker_tells_all_of_itself_and_hostile_names_are_harmless(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    foreign.start_worker("w1")
    await until(fleet, seen)
    task_id = foreign.send("foreign.add", 1, 2, countdown=600)
    foreign.app.control.revoke("gone-1", destination=["w1@test"])
    facts: dict[FactKind, WorkerFact] = {}

    async def asked() -> bool:
        await fleet.worker_facts("w1@test", list(FactKind), lambda fact: facts.update({fact.kind: fact}))
        return bool(facts[FactKind.SCHEDULED].rows and facts[FactKind.REVOKED].rows)

    deadline = time.monotonic() + 20
    while not await asked():
        assert time.monotonic() < deadline
    assert facts.keys() == set(FactKind)
    assert not [fact.trouble for fact in facts.values() if fact.trouble]
    told = {row.key: row for row in facts[FactKind.STATS].rows}
    assert (told["pool"].value, told["size"].value) == ("prefork", "2")
    assert [row.value for row in facts[FactKind.SCHEDULED].rows] == [task_id]
    assert "due 20" in facts[FactKind.SCHEDULED].rows[0].note
    assert [row.name for row in facts[FactKind.REVOKED].rows] == ["gone-1"]
    names = [row.name for row in facts[FactKind.REGISTERED].rows]
    assert "foreign.sleep" in names
    assert all(name.isprintable() for name in names)
    settings = {row.name: row for row in facts[FactKind.CONF].rows}
    assert settings["task_acks_late"].note == ""
    assert settings["worker_pool_restarts"].note == "default"
    assert any("celery:5" in row.value for row in facts[FactKind.REPORT].rows)
    password = foreign.broker_url.split("@")[0].rpartition(":")[2]
    assert password
    assert password not in repr(facts)


async def test_read_only_tells_workers_nothing(foreign: ForeignFleet) -> None:
    fleet = LiveFleet(LiveOptions(broker_url=foreign.broker_url, read_only=True))
    await fleet.open(lambda step: None)
    try:
        with pytest.raises(ReadOnlyError):
            await fleet.tell_workers(["w1@test"], Resize(1))
    finally:
        await fleet.close(None)
