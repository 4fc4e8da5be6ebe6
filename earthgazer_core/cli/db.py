"""``earthgazer db``: the database's schema."""

from __future__ import annotations

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option


@click.group()
def db() -> None:
    """The database: migrations."""


@db.command()
@json_option
@click.pass_obj
def upgrade(context: CliContext, as_json: bool) -> None:
    """Bring the database to the newest revision; does nothing if it is there."""
    from earthgazer_core.db import migrations

    with context.session():
        pass  # tells an absent server or a wrong password in our words
    before = migrations.current(context.database.engine)
    migrations.upgrade(context.database.engine)
    after = migrations.current(context.database.engine)
    done = f"is at {after} already" if before == after else f"from {before or 'nothing'} to {after}"
    emit({"before": before, "after": after}, as_json, [f"database {done}"])


@db.command()
@json_option
@click.pass_obj
def status(context: CliContext, as_json: bool) -> None:
    """Show the database's revision, and the newest one known here."""
    from earthgazer_core.db import migrations

    with context.session():
        pass
    current, head = migrations.current(context.database.engine), migrations.head()
    verdict = "up to date" if current == head else "run `earthgazer db upgrade`"
    emit(
        {"current": current, "head": head},
        as_json,
        [f"database at {current or 'nothing'}, newest {head}: {verdict}"],
    )
