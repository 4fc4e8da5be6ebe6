"""The short form of the campaign for load: some seconds of events, and a queue of some thousands."""

from __future__ import annotations

import pytest

from tests.campaigns.load import check_burst, check_events
from tests.campaigns.tally import Tally


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_every_event_is_counted_while_keys_are_answered() -> None:
    tally = Tally("short", is_quiet=True)
    check_events(tally, rate=3_000, seconds=4.0, seed=7, is_timed=False)
    assert tally.faults == []


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_a_long_queue_is_looked_at_and_kept_whole() -> None:
    tally = Tally("short", is_quiet=True)
    check_burst(tally, messages=10_000, seed=7, is_timed=False)
    assert tally.faults == []
