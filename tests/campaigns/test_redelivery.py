"""The short form of the redelivery campaign: copies, late acknowledgement, a broker that is away, crashes."""

from __future__ import annotations

import pytest

from tests.campaigns.redelivery import (
    acknowledge_late,
    be_refused_memory,
    campaign,
    crash_in_raster,
    deliver_twice,
    lose_broker,
)
from tests.campaigns.tally import Tally


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_what_comes_twice_is_done_once() -> None:
    tally = Tally("short", is_quiet=True)
    campaign(tally, 1, (deliver_twice, acknowledge_late, lose_broker))
    assert tally.faults == []
    assert tally.done["messages delivered twice"] >= 7
    assert tally.done["messages given to a second worker"] == tally.done["brokers taken away"] == 1


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_what_crashes_or_finds_no_memory_takes_nobody_along() -> None:
    tally = Tally("short", is_quiet=True)
    campaign(tally, 1, (crash_in_raster, be_refused_memory))
    assert tally.faults == []
    assert tally.done["processes that crashed in native code"] == tally.done["tasks refused memory"] == 2
