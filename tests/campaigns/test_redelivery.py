"""The short form of the redelivery campaign: copies, a late acknowledgement, a broker that is away."""

from __future__ import annotations

import pytest

from tests.campaigns.redelivery import acknowledge_late, campaign, deliver_twice, lose_broker
from tests.campaigns.tally import Tally


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_what_comes_twice_is_done_once() -> None:
    tally = Tally("short", is_quiet=True)
    campaign(tally, 1, (deliver_twice, acknowledge_late, lose_broker))
    assert tally.faults == []
    assert tally.done["messages delivered twice"] >= 7
    assert tally.done["messages given to a second worker"] == tally.done["brokers taken away"] == 1
