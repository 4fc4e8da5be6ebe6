"""The short form of the campaign for clocks, zones, locales and terminals."""

from __future__ import annotations

import asyncio

import pytest

from tests.benchmarks.console import broker, scratch
from tests.campaigns.clocks import (
    check_command_line,
    check_nights,
    check_terminal,
    check_worker,
    plant,
    why_absent,
)
from tests.campaigns.services import campaign_services
from tests.campaigns.tally import Tally


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_nights_in_which_clocks_change_and_a_locale_of_ascii() -> None:
    tally = Tally("short", is_quiet=True)
    with campaign_services() as services:
        check_nights(tally, services.database.engine, services.database)
        plant(services.database)
        check_command_line(tally, services, "ASCII")
    assert tally.faults == []


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_a_terminal_that_turns_out_not_to_speak_utf8_gets_stand_ins() -> None:
    tally = Tally("short", is_quiet=True)
    with scratch() as home, broker(home) as server:
        check_terminal(tally, home, server.url, "C", answers_otherwise=True)
    assert tally.faults == []


@pytest.mark.fleet
@pytest.mark.timeout(240)
@pytest.mark.skipif(bool(why_absent()), reason=why_absent() or "-")
def test_a_worker_whose_clock_is_minutes_off_is_recorded_in_the_databases_time() -> None:
    tally = Tally("short", is_quiet=True)
    with campaign_services() as services:
        asyncio.run(check_worker(tally, services, "+300s"))
    assert tally.faults == []
