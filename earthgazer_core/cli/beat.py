"""``earthgazer beat``: a thin front to ``celery beat``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from earthgazer_core.cli.context import CliContext


@click.command()
@click.argument("celery_arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def beat(context: CliContext, celery_arguments: tuple[str, ...]) -> None:
    """Send what the schedule says; what follows `--` goes to `celery beat`.

    The schedule is kept in the database, where several of them send nothing twice; without one it is kept
    in a file of the data directory, and only one may run.
    """
    from earthgazer_core.celery_app import configuration
    from earthgazer_core.stack.profiles import CELERY_APP, beat_command

    settings = context.settings
    configuration(settings)  # wrong settings are told here, not in Celery's words
    directory: Path = settings.storage.data_path
    if not settings.database.is_configured:
        directory.mkdir(parents=True, exist_ok=True)
    command = beat_command(CELERY_APP, str(directory / "beat-schedule"))
    os.execv(command[0], [*command, *celery_arguments])  # noqa: S606
