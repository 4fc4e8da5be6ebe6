"""Doctor on a real broker and a real worker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from earthgazer_tui.fleet.errors import NotFoundError, ReadOnlyError
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.models import CheckProgress, Severity
from tests.tui.fleet.conftest import ForeignFleet
from tests.tui.fleet.watching import until

pytestmark = pytest.mark.fleet


@pytest.fixture
async def fleet(foreign: ForeignFleet) -> AsyncIterator[LiveFleet]:
    fleet = LiveFleet(LiveOptions(broker_url=foreign.broker_url, refresh_hz=10))
    await fleet.open(lambda step: None)
    yield fleet
    await fleet.close(None)


async def test_a_queue_without_consumer_is_found_and_a_task_in_it_explained(
    foreign: ForeignFleet, fleet: LiveFleet
) -> None:
    foreign.start_worker()
    await until(fleet, lambda s: s.badges.workers == 1)
    task_id = foreign.send("foreign.add", 1, 2, queue="nobody\x1b[2J")
    told: list[CheckProgress] = []
    diagnosis = await fleet.diagnose(told.append)
    (found,) = [one for one in diagnosis.findings if one.check == "queue-without-consumer"]
    assert (found.severity, found.subject) == (Severity.CRITICAL, "queue nobody\\x1b[2J")
    assert "\x1b" not in repr(diagnosis)
    assert (told[0].done, told[-1].done) == (0, diagnosis.checks - 1)
    assert told[0].question == "asking broker, workers and database"
    await until(fleet, lambda s: s.badges.doctor == len(diagnosis.findings))
    reasons = await fleet.explain(task_id)
    assert reasons
    assert task_id in reasons[0].subject
    assert reasons[0].severity is Severity.CRITICAL


async def test_a_task_that_ended_well_needs_no_explanation(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    foreign.start_worker()
    task_id = foreign.send("foreign.add", 1, 2)
    await until(fleet, lambda s: s.recent and s.recent[0].state == "SUCCESS")
    assert await fleet.explain(task_id) == ()


async def test_a_finding_is_mended_by_its_number(foreign: ForeignFleet, fleet: LiveFleet) -> None:
    foreign.start_worker()
    await until(fleet, lambda s: s.badges.workers == 1)
    snapshot = await until(fleet, lambda s: [one for one in s.queues if one.consumers])
    queue = next(one.name for one in snapshot.queues if one.consumers)
    assert (await fleet.pause_queue(queue)).is_ok
    task_id = foreign.send("foreign.add", 1, 2)
    found = (await fleet.diagnose(lambda _: None)).findings
    [paused] = [one for one in found if one.check == "queue-paused"]
    assert paused.remedy.startswith(f"let the queue {queue} go on")
    assert paused.number in {one.number for one in found}
    assert (await fleet.explain(task_id))[0].remedy == paused.remedy
    snapshot = await until(fleet, lambda s: any("paused by" in alert.text for alert in s.alerts))
    assert not any(alert.severity == "critical" for alert in snapshot.alerts)
    mended = await fleet.apply_remedies([paused.number])
    assert (mended.is_ok, mended.summary) == (True, f"{queue}: resumed on 1 worker")
    await until(fleet, lambda s: any(row.task_id == task_id and row.state == "SUCCESS" for row in s.recent))
    with pytest.raises(NotFoundError, match="not paused"):
        await fleet.apply_remedies([paused.number])
    with pytest.raises(NotFoundError, match="too old"):
        await fleet.apply_remedies([10**9])


async def test_a_read_only_console_mends_nothing(foreign: ForeignFleet) -> None:
    fleet = LiveFleet(LiveOptions(broker_url=foreign.broker_url, read_only=True))
    await fleet.open(lambda step: None)
    try:
        with pytest.raises(ReadOnlyError):
            await fleet.apply_remedies([1])
    finally:
        await fleet.close(None)
