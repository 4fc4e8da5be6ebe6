"""Doctor on a real broker and a real worker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

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
