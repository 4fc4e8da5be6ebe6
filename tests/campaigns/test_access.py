"""The short form of the campaign for access: commands, verbs, files and TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.campaigns.access import (
    changing_verbs,
    check_commands,
    check_compose,
    check_tls,
    check_verbs,
    command_classes,
)
from tests.campaigns.services import campaign_services
from tests.campaigns.tally import Tally
from tests.campaigns.tls_servers import why_absent


def test_no_command_that_changes_nothing_calls_a_verb_that_does() -> None:
    tally = Tally("short", is_quiet=True)
    check_compose(tally)
    check_commands(tally)
    assert tally.faults == []
    assert len(command_classes()) > 50


@pytest.mark.fleet
@pytest.mark.timeout(60)
def test_every_changing_verb_is_refused_by_a_read_only_fleet_and_by_a_recording() -> None:
    tally = Tally("short", is_quiet=True)
    with campaign_services() as services:
        asyncio.run(check_verbs(tally, services))
    assert tally.faults == []
    assert tally.done["changing verbs called"] == 2 * len(changing_verbs()) > 30


@pytest.mark.fleet
@pytest.mark.timeout(120)
@pytest.mark.skipif(bool(why_absent()), reason=why_absent() or "there")
def test_tls_works_and_verifies(short_directory: Path) -> None:
    tally = Tally("short", is_quiet=True)
    check_tls(tally, short_directory, is_short=True)
    assert tally.faults == []
