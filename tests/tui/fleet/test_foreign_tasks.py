"""Single tasks of a fleet without a recorder: what is known, from where, and copies of failed ones."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery, chain, chord

from earthgazer_tui.fleet.errors import FleetError, NotFoundError, ReadOnlyError
from earthgazer_tui.fleet.live import session
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.live.results import leave_results_unheard
from earthgazer_tui.fleet.models import RetryMode, Snapshot
from tests.tui.fleet.conftest import ForeignFleet, wait_for
from tests.tui.fleet.watching import until

pytestmark = pytest.mark.fleet

SHOP = """
import os
from celery import Celery
from kombu import Queue

app = Celery("shop", broker=os.environ.get("SHOP_BROKER"), backend=os.environ.get("SHOP_BROKER"))
app.conf.update(
    broker_transport_options={
        "global_keyprefix": "shop:", "sep": "::", "priority_steps": [0, 2, 5, 9],
        "queue_order_strategy": "priority",
    },
    result_backend_transport_options={"global_keyprefix": "results:"},
    task_queues=[Queue("orders"), Queue("empty")], task_default_queue="orders",
    task_routes={"shop.*": {"queue": "orders"}}, result_extended=True, task_acks_late=True,
)


@app.task(name="shop.fail")
def fail(**order):
    if not os.path.exists(os.environ["SHOP_MENDED"]):
        raise LookupError(f"no such order {order}")
    return order
"""


@pytest.fixture
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@asynccontextmanager
async def looking(options: LiveOptions) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(options)
    try:
        await fleet.open(lambda step: None)
        yield fleet
    finally:
        await fleet.close(None)


def ended(snapshot: Snapshot, task_id: str, state: str) -> bool:
    return any(row.task_id == task_id and row.state == state for row in snapshot.recent)


async def test_a_failed_step_seen_while_it_waited_is_copied_with_the_rest_of_its_chain(
    foreign: ForeignFleet, redis_client: redis.Redis, state_home: Path
) -> None:
    async with looking(LiveOptions(broker_url=foreign.broker_url, refresh_hz=10)) as fleet:
        ids = await asyncio.to_thread(_publish, foreign)
        for task_id in ids:
            await _source(fleet, task_id, "message seen in queue foreign")
        foreign.start_worker()
        await until(fleet, lambda s: all(ended(s, task_id, "FAILURE") for task_id in ids))
        detail = await fleet.task(ids[0])
        assert (detail.args, detail.retry.mode) == ('["k1"]', RetryMode.COPY)
        assert "goes on with foreign.count" in detail.retry.reason
        assert "ValueError: k1 fails once" in detail.traceback
        # While a worker concludes the failed chord nobody may disturb it: what is refused is asked for again.
        async with asyncio.timeout(20):
            while True:
                await fleet.retry(ids)
                done = [one for one in await fleet.actions("task.retry") if one.outcome == "done"]
                if len(done) == len(ids):
                    break
                await asyncio.sleep(0.2)
        again = await fleet.retry(ids[:1])
        assert "sent copy" in again.summary
        assert not again.is_ok
        await asyncio.to_thread(wait_for, lambda: redis_client.get("count:k1") == b"1", what="the chain")
        await asyncio.to_thread(wait_for, lambda: redis_client.get("count:body") == b"1", what="the body")
        done = [one for one in await fleet.actions("task.retry") if one.outcome == "done"]
        assert len(done) == len(ids)
    audit = state_home / "earthgazer" / "audit.jsonl"
    assert stat.S_IMODE(audit.stat().st_mode) == 0o600
    noted = json.loads(audit.read_text().splitlines()[0])
    assert noted["detail"]["arguments"] == "message seen in queue foreign"


async def test_what_nobody_saw_is_read_from_events_only_where_they_say_all(
    foreign: ForeignFleet, state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_REMEMBER_EVERY_S", 1000.0)
    foreign.start_worker()
    async with looking(LiveOptions(broker_url=foreign.broker_url, refresh_hz=10)) as fleet:
        await until(fleet, lambda s: s.workers)
        plain = foreign.send("foreign.fail", "short")
        await until(fleet, lambda s: ended(s, plain, "FAILURE"))
        long = foreign.send("foreign.fail", "x" * 2000)
        await until(fleet, lambda s: ended(s, long, "FAILURE"))
        hidden = foreign.send("foreign.fail", "hunter2", argsrepr="('***',)")
        await until(fleet, lambda s: ended(s, hidden, "FAILURE"))
        plan = await fleet.plan_retry([plain, long, hidden, "never-heard-of"])
        assert [item.mode for item in plan.items] == ["copy", "refused", "refused", "refused"]
        told, cut, masked, unknown = (item.note for item in plan.items)
        assert "text in events" in told
        assert "chain or chord is not known and will not run" in told
        assert "cut" in cut
        assert "a mask stands for a value" in masked
        assert "state is not known" in unknown
        with pytest.raises(NotFoundError, match="tell nothing of it"):
            await fleet.task("never-heard-of")


def _publish(foreign: ForeignFleet) -> list[str]:
    """Publish a chain and a chord whose steps fail once; return the ids of those that can run now."""
    # Results that outlive the server would unsubscribe from it when they are collected.
    leave_results_unheard(foreign.app)
    first = foreign.app.signature("foreign.fail_once", args=("k1",), queue="foreign")
    then = foreign.app.signature("foreign.count", args=("k1",), immutable=True, queue="foreign")
    parent: Any = chain(first, then).apply_async().parent
    header = [foreign.app.signature("foreign.fail_once", args=(key,), queue="foreign") for key in "ab"]
    body = foreign.app.signature("foreign.count", args=("body",), immutable=True, queue="foreign")
    group: Any = chord(header)(body).parent
    return [parent.id, *(result.id for result in group.results)]


async def _source(fleet: LiveFleet, task_id: str, source: str) -> None:
    async with asyncio.timeout(15):
        while True:
            try:
                if source in (await fleet.task(task_id)).args_source:
                    return
            except NotFoundError:
                pass
            await asyncio.sleep(0.1)


@pytest.fixture
def shop(broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """An app of somebody else's in the working directory, with a worker, and keys of its own shape."""
    (tmp_path / "shop_app.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_BROKER", broker_url)
    monkeypatch.setenv("SHOP_MENDED", str(tmp_path / "mended"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "shop_app", raising=False)
    worker = subprocess.Popen(
        [
            sys.executable, "-m", "celery", "-A", "shop_app", "worker", "-P", "solo", "-l", "ERROR",
            "-n", "shop@test", "-Q", "orders", "--without-mingle", "-E",
        ],
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    app = Celery("shop-publisher", broker=broker_url, backend=broker_url, set_as_current=False)
    app.conf.update(
        broker_transport_options={"global_keyprefix": "shop:", "sep": "::", "priority_steps": [0, 2, 5, 9]},
        result_backend_transport_options={"global_keyprefix": "results:"}, task_default_queue="orders",
    )  # fmt: skip
    yield app
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(10)
    app.close()


async def test_an_imported_app_tells_queues_priorities_results_and_routes(
    shop: Celery, state_home: Path, tmp_path: Path
) -> None:
    task: Any = shop.send_task("shop.fail", kwargs={"order": 7, "token": "hunter2"})
    await asyncio.to_thread(wait_for, lambda: task.state == "FAILURE", what="the failure before we look")
    for priority in (0, 2, 9):
        shop.send_task("shop.fail", queue="empty", priority=priority)
    # Its broker is what the app names.
    async with looking(LiveOptions(app="shop_app:app", refresh_hz=10)) as fleet:
        snapshot = await until(fleet, lambda s: sum(queue.depth for queue in s.queues) == 3)
        depths = {queue.name: queue.by_priority for queue in snapshot.queues}
        assert depths["empty"] == ((0, 1), (2, 1), (9, 1))
        assert "orders" in depths
        detail = await fleet.task(task.id)
        row = detail.row
        assert (row.state, row.name, row.error_type) == ("FAILURE", "shop.fail", "LookupError")
        assert "LookupError" in detail.traceback
        assert detail.args_source == "extended result"
        assert (detail.is_redacted, "hunter2" in detail.kwargs) == (True, False)
        assert detail.retry.mode is RetryMode.COPY
        (tmp_path / "mended").touch()
        sent = await fleet.retry([task.id])
        assert sent.is_ok, sent
        await until(fleet, lambda s: any(row.state == "SUCCESS" for row in s.recent))
        (copy,) = [row for row in await fleet.tasks() if row.state == "SUCCESS"]
        assert "7" in (await fleet.task(copy.task_id)).result
    async with looking(LiveOptions(app="shop_app", refresh_hz=10, read_only=True)) as fleet:
        with pytest.raises(ReadOnlyError):
            await fleet.retry([task.id])


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("missing_app", None, "ModuleNotFoundError: No module named 'missing_app'"),
        ("broken_app", "import os\nos.no_such_thing\n", "AttributeError"),
        ("leaving_app", "raise SystemExit('bye')\n", "SystemExit: bye"),
        ("empty_app:x", "x = 3\n", "is a int, no Celery app"),
    ],
)
async def test_an_app_that_can_not_be_imported_is_one_clear_line(
    name: str, source: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    if source is not None:
        (tmp_path / f"{name.partition(':')[0]}.py").write_text(source)
    fleet = LiveFleet(LiveOptions(app=name))
    try:
        with pytest.raises(FleetError) as caught:
            await fleet.open(lambda step: None)
        assert reason in str(caught.value)
        assert f"--app {name}" in str(caught.value)
        assert "\n" not in str(caught.value)
    finally:
        await fleet.close(None)
