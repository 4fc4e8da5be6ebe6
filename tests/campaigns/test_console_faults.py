"""The short form of the campaign with faults: one console whose services and terminal fail."""

from __future__ import annotations

import random
import signal

import pytest

from tests.campaigns.console_faults import (
    check_end,
    check_header,
    check_keys,
    kill_and_restart,
    resizes,
)
from tests.campaigns.fault_fleet import fault_fleet
from tests.campaigns.tally import Tally


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_a_console_outlives_its_services_and_leaves_the_terminal_as_it_was() -> None:
    tally, draw = Tally("short", is_quiet=True), random.Random(1)
    with fault_fleet() as fleet:
        fleet.start_worker(processes=1)
        with fleet.console() as terminal:
            terminal.wait_for("1 seen")
            kill_and_restart(tally, fleet, terminal, "broker")
            kill_and_restart(tally, fleet, terminal, "database")
            fleet.broker.cut()
            fleet.database.cut()
            check_header(tally, terminal, "broker", is_up=True)
            check_keys(tally, terminal)
            terminal.process.send_signal(signal.SIGTERM)
            check_end(tally, terminal, terminal.wait_exit(60), "SIGTERM")
        resizes(tally, fleet, draw, seconds=1.5)
    assert tally.faults == []
    assert tally.done["keys answered"] > 10
