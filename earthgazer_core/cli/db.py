"""``earthgazer db``: the database's schema, and what it keeps of the past."""

from __future__ import annotations

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option


@click.group()
def db() -> None:
    """The database: migrations, and how much of the past it keeps."""


@db.command()
@json_option
@click.pass_obj
def upgrade(context: CliContext, as_json: bool) -> None:
    """Bring the database to the newest revision; does nothing if it is there."""
    from earthgazer_core.db import migrations

    with context.session() as session:
        session.connection()  # tells an absent server or a wrong password in our words
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
    from earthgazer_core.db.standing import standing

    with context.session() as session:
        session.connection()
    current, head = migrations.current(context.database.engine), migrations.head()
    found = standing(current)
    emit(
        {"current": current, "head": head, "standing": found.name.lower()},
        as_json,
        [f"database at {current or 'nothing'}, newest {head} here: it {found.value}"],
    )


@db.command()
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@json_option
@click.pass_obj
def prune(context: CliContext, dry_run: bool, as_json: bool) -> None:
    """Delete history that is older than EARTHGAZER__RETENTION__… says; the schedule does so every hour.

    Unfinished runs and failures that nobody dismissed stay. Without --dry-run nothing asks: what goes is
    what the settings say.
    """
    from dataclasses import asdict

    from earthgazer_core.operations import audit, retention

    done = retention.prune(context.database, context.settings.retention, dry_run=dry_run)
    if not dry_run:
        audit.record(context.database, "history.prune", {}, "done", asdict(done))
    kept = f"{done.held} old runs stay: unfinished, or with a failure that nobody dismissed"
    busy = f"{done.busy} batches are in use by others: they go the next time"
    lines = [("would go: " if dry_run else "gone: ") + done.summary]
    lines += [line for line, n in ((kept, done.held), (busy, done.busy)) if n]
    emit({**asdict(done), "dry_run": dry_run}, as_json, lines)
