"""The short form of the campaign with messages that nobody should have sent."""

from __future__ import annotations

import pytest

from tests.campaigns.hostile_messages import campaign
from tests.campaigns.tally import Tally


@pytest.mark.fleet
@pytest.mark.timeout(120)
def test_messages_of_any_kind_are_counted_and_never_run_or_fatal() -> None:
    tally = Tally("short", is_quiet=True)
    campaign(tally, seed=7, seconds=1.0)
    assert tally.faults == []
