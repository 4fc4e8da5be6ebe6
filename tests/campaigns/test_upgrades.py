"""The short form of the campaign for upgrades: every released schema with rows, and one that is killed."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from earthgazer_core.db import migrations
from earthgazer_core.errors import ConflictError
from tests.campaigns.older_schemas import check_older
from tests.campaigns.schemas import engine_of, fresh_database, revisions
from tests.campaigns.services import campaign_services
from tests.campaigns.tally import Tally
from tests.campaigns.upgrades import check_commands, check_console, check_killed, check_upgrade
from tests.campaigns.versions import check_newer


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_every_released_schema_comes_up_with_its_rows() -> None:
    tally = Tally("short", is_quiet=True)
    with campaign_services() as services:
        for revision in reversed(revisions()):
            with fresh_database(services.postgres) as url, engine_of(url) as engine:
                check_upgrade(tally, engine, revision, 200)
                if revision == revisions()[0]:
                    check_commands(tally, url, revision)
                    asyncio.run(check_console(tally, url, services.valkey.url, revision))
        check_killed(tally, services.postgres, revisions()[0], 200, None)
    assert tally.faults == []


@pytest.mark.fleet
@pytest.mark.timeout(240)
def test_on_an_older_schema_all_works_or_names_the_remedy() -> None:
    tally = Tally("short", is_quiet=True)
    with campaign_services() as services:
        for revision in (None, revisions()[0], revisions()[-2]):
            check_older(tally, services, revision)
    assert tally.faults == []


@pytest.mark.fleet
@pytest.mark.timeout(120)
def test_a_schema_that_is_yet_to_be_written_is_told_in_one_line() -> None:
    tally = Tally("short", is_quiet=True)
    with campaign_services() as services:
        check_newer(tally, services, ("tasks list",))
        with fresh_database(services.postgres) as url, engine_of(url) as engine:
            migrations.upgrade(engine)
            with engine.begin() as connection:
                connection.execute(text("update earthgazer.alembic_version set version_num = '9999'"))
            with pytest.raises(ConflictError, match="newer than this EarthGazer"):
                migrations.upgrade(engine)
    assert tally.faults == []
