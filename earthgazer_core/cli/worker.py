"""``earthgazer worker``: a thin front to ``celery worker``."""

from __future__ import annotations

import os

import click

from earthgazer_core.cli.context import CliContext


@click.command()
@click.argument("profile", type=click.Choice(["io", "cpu", "default", "priority", "maintenance", "all"]))
@click.option(
    "--concurrency", type=click.IntRange(min=1), help="Processes; the profile's own number if unset."
)
@click.option("--name", help="Name of the worker before @host; the profile's name if unset.")
@click.argument("celery_arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def worker(
    context: CliContext,
    profile: str,
    concurrency: int | None,
    name: str | None,
    celery_arguments: tuple[str, ...],
) -> None:
    """Run a worker that serves the queues of PROFILE; what follows `--` goes to `celery worker`."""
    from earthgazer_core.celery_app import configuration
    from earthgazer_core.stack.profiles import CELERY_APP
    from earthgazer_core.stack.profiles import profile as profile_named

    configuration(context.settings)  # wrong settings are told here, not in Celery's words
    processes = concurrency or context.settings.celery.worker_concurrency
    command = profile_named(profile).command(CELERY_APP, name or profile, processes)
    os.execv(command[0], [*command, *celery_arguments])  # noqa: S606
