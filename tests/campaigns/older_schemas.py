"""The command line and the console of today on a schema that waits for its upgrade: what works, and what says so."""

# ruff: noqa: E501 - checks read best with what they tell, on one line
from __future__ import annotations

import asyncio

from click.testing import CliRunner

from earthgazer_core.cli.main import cli
from earthgazer_core.cli.output import UNREACHABLE
from earthgazer_core.db import migrations
from earthgazer_tui.fleet.errors import FleetError
from tests.campaigns.questions import answers
from tests.campaigns.schemas import contents, engine_of, fill, fresh_database
from tests.campaigns.services import CampaignServices
from tests.campaigns.tally import Tally
from tests.campaigns.versions import what_is_told

LINES = (
    "captures list", "artifacts show 2", "locations show 1", "workflows list", "workflows show run-1",
    "tasks list", "tasks show task-7", "tasks retry --where state:failure --dry-run", "failures",
    "history --since 30d", "schedule list", "db prune --dry-run",
)  # fmt: skip
"""What the command line asks a database; ``db status`` is for just this case."""
_REMEDY = "run `earthgazer db upgrade`"


def check_older(tally: Tally, services: CampaignServices, revision: str | None) -> None:
    """Let this version meet the schema of a release before it, or a database without one; nothing in it changes."""
    who = f"today on schema {revision}"
    with fresh_database(services.postgres) as url, engine_of(url) as engine:
        before = None
        if revision is not None:
            migrations.upgrade(engine, revision)
            fill(engine, 50)
            before = contents(engine)
        for line in LINES:
            _check_line(tally, services, url, who, line, has_tables=before is not None)
        asyncio.run(_check_questions(tally, services, url, who, has_tables=before is not None))
        told = asyncio.run(what_is_told(services, url))
        tally.check(_REMEDY in told and (revision or "") in told, f"{who}: the console says {told!r}")
        if before is not None:
            tally.check(contents(engine) == before, f"{who}: rows have changed")
        tally.did("older schemas")


def _check_line(
    tally: Tally, services: CampaignServices, url: str, who: str, line: str, *, has_tables: bool
) -> None:
    done = CliRunner().invoke(
        cli,
        [*line.split(), "--json"],
        env={"EARTHGAZER__DATABASE__URL": url, "EARTHGAZER__CELERY__BROKER_URL": services.valkey.url},
    )
    tally.did("commands")
    is_told = done.exit_code == UNREACHABLE and _REMEDY in done.output
    is_done = has_tables and done.exit_code == 0
    tally.check(is_told or is_done,
        f"{who}: earthgazer {line}: {done.exit_code} {done.output[-300:]} {done.exception!r}")  # fmt: skip


async def _check_questions(
    tally: Tally, services: CampaignServices, url: str, who: str, *, has_tables: bool
) -> None:
    async for what, answer in answers(tally, url, services.valkey.url):
        if isinstance(answer, FleetError):
            tally.check(_REMEDY in str(answer), f"{who}: the console's {what}: {answer}")
        else:
            tally.check(has_tables, f"{who}: the console's {what} is {str(answer)[:200]}")
