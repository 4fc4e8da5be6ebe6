"""The five kinds of pools: their true size, and what each lever does to them or why it can't."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from earthgazer_core.db.session import Database
from earthgazer_core.errors import InvalidInputError, RefusedError
from earthgazer_core.operations.controls.changes import lasting_changes, recorded_deeds
from earthgazer_core.operations.controls.consumers import add_consumer, cancel_consumer
from earthgazer_core.operations.controls.control import UnheardError, WorkerControl
from earthgazer_core.operations.controls.facts import conf
from earthgazer_core.operations.controls.levers import Lever, refusals
from earthgazer_core.operations.controls.limits import rate_limit
from earthgazer_core.operations.controls.pool import autoscale, restart_pool
from earthgazer_core.operations.controls.portrait import QUESTIONS, portrait
from earthgazer_core.operations.controls.resize import resize
from earthgazer_core.operations.mailbox import Answer
from earthgazer_core.operations.workers import WorkerReport, survey
from tests.core.operations.tuned_fleet import TunedFleet, tuned_fleet
from tests.core.recorder.fleet import eventually
from tests.core.recorder.foreign_app import ForeignConfig

pytestmark = pytest.mark.fleet

ONE = "one@test"
CAN = {
    "prefork": {Lever.RESIZE, Lever.RATE_LIMIT, Lever.RESTART, Lever.SOFT_LIMIT, Lever.HARD_LIMIT},
    "threads": {Lever.RATE_LIMIT},
    "solo": {Lever.RATE_LIMIT},
    "gevent": {Lever.RESIZE, Lever.RATE_LIMIT, Lever.HARD_LIMIT},
    "eventlet": {Lever.RESIZE, Lever.RATE_LIMIT},
}
"""What can be done to each where pools may be restarted."""


@pytest.fixture
def fleet(
    broker_url: str, migrated_database_url: str, database: Database, tmp_path: Path
) -> Iterator[TunedFleet]:
    with tuned_fleet(ForeignConfig(broker_url, migrated_database_url, tmp_path), database) as fleet:
        yield fleet


@pytest.fixture
def control(fleet: TunedFleet) -> Iterator[WorkerControl]:
    with WorkerControl(fleet.app, fleet.mailbox, database=fleet.database, timeout_s=5) as control:
        yield control


def report(fleet: TunedFleet, name: str = ONE) -> WorkerReport:
    [found] = survey(fleet.mailbox, [name], destination=[name], timeout_s=5)
    return found


def changes(fleet: TunedFleet) -> tuple[str, ...]:
    now = datetime.now(UTC)
    found = report(fleet)
    started = now - timedelta(seconds=found.uptime_s or 0)
    with fleet.database.session() as session:
        deeds = recorded_deeds(session, now - timedelta(hours=1))
    return lasting_changes(deeds, found, started, now)


@pytest.mark.parametrize("pool", CAN)
def test_every_pool_tells_its_true_size_and_each_lever_works_or_says_why(
    fleet: TunedFleet, control: WorkerControl, pool: str
) -> None:
    fleet.configure(worker_pool_restarts=True)
    fleet.start_worker(pool=pool, concurrency=2)
    before = report(fleet)
    size = 1 if pool == "solo" else 2
    assert (before.pool, before.pool_size) == (pool, size)
    settings = dict(conf(control, ONE).by_worker[ONE])
    reasons = refusals(before, settings)
    assert set(Lever) - reasons.keys() == CAN[pool]
    assert all(pool in reasons[lever] for lever in reasons)
    if Lever.RESIZE in CAN[pool]:
        grown = resize(control, ONE, 2)
        assert (grown.is_ok, grown.before) == (True, {ONE: 2})
        eventually(lambda: report(fleet).pool_size == 4, "two more")
        assert resize(control, ONE, -1).is_ok
        eventually(lambda: report(fleet).pool_size == 3, "one less")
        assert changes(fleet) == ("pool of 3 ≠ 2 configured",)
        with pytest.raises(RefusedError, match="without any it would take messages"):
            resize(control, ONE, -3)
    else:
        with pytest.raises(RefusedError, match=f"{pool} pool"):
            resize(control, ONE, 1)
    with pytest.raises(RefusedError, match=f"its {pool} pool does not scale itself"):
        autoscale(control, ONE, most=3)
    if Lever.RESTART in CAN[pool]:
        assert restart_pool(control, ONE).is_ok
    else:
        with pytest.raises(RefusedError, match=f"an? {pool} pool has no processes to restart"):
            restart_pool(control, ONE)
    assert rate_limit(control, ONE, "steps.add", "100/m").is_ok
    assert "rate limit of steps.add: 100/m" in changes(fleet)
    fleet.until(str(fleet.app.tasks["steps.total"].delay([1, 2]).id), "SUCCESS")


def test_what_was_changed_is_known_until_the_worker_starts_anew(
    fleet: TunedFleet, control: WorkerControl
) -> None:
    worker = fleet.start_worker(options=("--autoscale", "3,1"))
    assert changes(fleet) == ()
    autoscale(control, ONE, least=2, most=4)
    add_consumer(control, ONE, "other")
    cancel_consumer(control, ONE, "steps")
    rate_limit(control, ONE, "steps.add", "0")
    eventually(lambda: report(fleet).queues == ("other",), "the queues")
    assert changes(fleet) == (
        "autoscale 2 to 4 ≠ 1 to 3 configured",
        "takes from other ≠ configured",
        "takes no more from steps ≠ configured",
        "rate limit of steps.add: none",
    )
    cancel_consumer(control, ONE, "other")
    add_consumer(control, ONE, "steps")
    autoscale(control, ONE, least=1, most=3)
    eventually(lambda: report(fleet).queues == ("steps",), "the queues")
    assert changes(fleet) == ("rate limit of steps.add: none",)
    # What was done before it started is forgotten, whoever remembers it.
    later = datetime.now(UTC) + timedelta(minutes=1)
    with fleet.database.session() as session:
        deeds = recorded_deeds(session, later - timedelta(hours=1))
    assert lasting_changes(deeds, report(fleet), later, later) == ()
    assert lasting_changes(deeds, replace(report(fleet), hostname="two@test"), None, later) == ()
    fleet.stop_worker(worker)


def test_all_that_can_is_told_at_once_and_the_others_say_why(
    fleet: TunedFleet, control: WorkerControl
) -> None:
    fleet.start_worker(name="one", concurrency=1)
    fleet.start_worker(name="two", pool="threads", concurrency=1)
    refused: list[tuple[str, str]] = []
    heard: list[Answer] = []
    control.timeout_s = 1.0
    control.on_refused = lambda worker, reason: refused.append((worker, reason))
    result = resize(control, ["gone@test", ONE, "two@test"], 1, on_answer=heard.append)
    assert [answer.worker for answer in heard] == [ONE]
    assert heard[0].elapsed_s < 0.9
    assert (result.silent, result.is_ok) == (("gone@test",), False)
    assert refused == list(result.refused)
    assert refused[0][0] == "two@test"
    with pytest.raises(UnheardError) as error:
        resize(control, ["gone@test", "two@test"], 1)
    assert (error.value.silent, list(error.value.refused)) == (("gone@test",), ["two@test"])
    with pytest.raises(InvalidInputError):
        resize(control, ONE, 0)


def test_a_worker_tells_all_of_itself_without_secrets(fleet: TunedFleet) -> None:
    fleet.configure(site_url="https://ann:hunter22@example.org/x", site_token="hunter22")
    fleet.start_worker(concurrency=1)
    heard: list[str] = []
    parts = portrait(fleet.mailbox, ONE, timeout_s=5, on_part=lambda question, answer: heard.append(question))
    assert set(heard) == parts.keys() == QUESTIONS.keys()
    password = fleet.config.broker_url.split("@")[0].rpartition(":")[2]
    assert password
    told = str(parts)
    assert password not in told
    assert "hunter22" not in told
    assert "celery:5" in parts["report"].value["ok"]
    assert "steps.add" in str(parts["registered"].value)
    with closing(fleet.mailbox) as mailbox:
        assert portrait(mailbox, "gone@test", ["stats"], timeout_s=0.3) == {}
