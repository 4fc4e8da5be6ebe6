"""The command ``earthgazer``: everything the console does, for scripts."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from pathlib import Path

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import ErrorReportingGroup

GROUPS = {
    "artifacts": ("earthgazer_core.cli.artifacts", "Files that were made: list, show, export."),
    "beat": ("earthgazer_core.cli.beat", "Send what the schedule says, when it is due."),
    "captures": ("earthgazer_core.cli.captures", "Captures: discover, add, list, show."),
    "contexts": ("earthgazer_core.cli.contexts", "Named fleets of the config file: list."),
    "db": ("earthgazer_core.cli.db", "The database: migrations."),
    "doctor": ("earthgazer_core.cli.doctor", "What is wrong with the fleet, or with one task."),
    "failures": ("earthgazer_core.cli.failures", "What failed, by kind, and what was given up."),
    "history": ("earthgazer_core.cli.history", "What ran over a span of time, and who did what."),
    "locations": ("earthgazer_core.cli.locations", "Watched places: add, list, show, update, remove."),
    "queues": ("earthgazer_core.cli.queues", "Queues: depth, unacknowledged, consumers."),
    "reconcile": ("earthgazer_core.cli.reconcile", "Bring back messages that the broker has lost."),
    "record": ("earthgazer_core.cli.record", "Record a fleet for a replay."),
    "schedule": (
        "earthgazer_core.cli.schedule",
        "Periodic tasks: list, run, enable, disable, interval.",
    ),
    "stack": ("earthgazer_core.cli.stack", "The embedded servers and workers: up, status, down, env."),
    "tasks": ("earthgazer_core.cli.tasks", "Tasks: list, show, retry, revoke."),
    "worker": ("earthgazer_core.cli.worker", "Run a worker of a profile."),
    "workers": ("earthgazer_core.cli.workers", "Workers: what they run, their pools."),
    "workflows": (
        "earthgazer_core.cli.workflows",
        "Workflows: process, full-pipeline, reprocess, list, show.",
    ),
}
"""Command → module that has it under the same name, and its line of help."""


class LazyGroup(ErrorReportingGroup):
    """A group that imports a command when it is run: help is quick, and a broken one harms no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return sorted(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name, imported now."""
        if cmd_name not in GROUPS:
            return None
        command = getattr(import_module(GROUPS[cmd_name][0]), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{GROUPS[cmd_name][0]}.{cmd_name} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and help without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, GROUPS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="EARTHGAZER_STATE_DIR",
    help="State directory of the embedded stack that serves where no services are configured.",
)
@click.version_option(package_name="earthgazer", prog_name="earthgazer")
@click.pass_context
def cli(ctx: click.Context, state_dir: Path | None) -> None:
    """Satellite captures in, NDVI, pictures and time series out.

    Exit codes: 0 done, 1 failed or not found, 2 usage, 3 a service can't be reached.
    """
    ctx.obj = CliContext(state_dir)
    ctx.call_on_close(ctx.obj.close)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Where the locale has no UTF-8, a letter that it lacks is shown by its number instead of ending us.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    cli.main(prog_name="earthgazer")
