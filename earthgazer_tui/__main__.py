"""``earthgazer-tui``: from options to a running console, and back to the shell with everything closed."""

from __future__ import annotations

import asyncio
import gc
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from earthgazer_tui.app import ConsoleApp
    from earthgazer_tui.fleet.models import QuitChoice
    from earthgazer_tui.fleet.protocol import Fleet

URL = re.compile(r"[a-z][a-z0-9+]*://\S+")
APP = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*)?")
LINK_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
STARTED_S = 6.0
"""Until then everything is imported, and nothing worth collecting was made."""
GARBAGE_THRESHOLDS = (20_000, 20, 20)
"""As for :func:`gc.set_threshold`: tasks come and go by the thousand, and hardly any is in a cycle."""
GIVE_WAY_S = 0.0005
"""As for :func:`sys.setswitchinterval`: a key passes three threads, and each would wait for a busy one."""
NOTICE_S = 0.5
"""Closing that takes longer says what it waits for."""


def _url(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Return the URL, refused where it can't be one; the value may hold a password and is not repeated."""
    if value is not None and not URL.match(value):
        raise click.BadParameter("expected a URL such as redis://host:6379/0 or postgresql://host/name")
    return value


def _app_name(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Return the name of an app, refused where it can't be one."""
    if value is not None and not APP.fullmatch(value):
        raise click.BadParameter("expected MODULE or MODULE:APP, as for `celery -A`")
    return value


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--broker", metavar="URL", help="Look at this broker (redis://…) instead of the configured one."
)
@click.option(
    "--app",
    "app_name",
    metavar="MODULE:APP",
    callback=_app_name,
    help="Import the fleet's own Celery app: its queues, routes, serializers, results, and its broker.",
)
@click.option("--context", "context_name", metavar="NAME", help="Look at this fleet of contexts.toml.")
@click.option(
    "--database",
    metavar="URL",
    callback=_url,
    help="Use this Postgres (postgresql://…) for history and imagery.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the embedded stack keeps its data.",
)
@click.option("--read-only", is_flag=True, help="Remove every command that changes anything.")
@click.option("--mouse", is_flag=True, help="Use the mouse; off by default, since each motion is traffic.")
@click.option(
    "--refresh",
    type=click.FloatRange(0.1, 10),
    default=4.0,
    show_default=True,
    metavar="HZ",
    help="How often the screen changes per second, at most; lower it on a slow link.",
)
@click.option("--detach", is_flag=True, help="Leave the embedded stack running on quitting.")
@click.option(
    "--replay",
    "recording",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Go through a recording of `earthgazer record` with the same screens.",
)
@click.option("--keys", is_flag=True, help="Print all keys in force, and the file for keys of your own.")
def main(
    broker: str | None,
    app_name: str | None,
    context_name: str | None,
    database: str | None,
    state_dir: Path | None,
    read_only: bool,
    mouse: bool,
    refresh: float,
    detach: bool,
    recording: Path | None,
    keys: bool,
) -> None:
    """Run an EarthGazer fleet, or any other Celery fleet, from the keyboard.

    Without options it looks at the configured services (EARTHGAZER__…), or starts its own embedded
    stack where nothing is configured.
    """
    from earthgazer_tui.state.config_directory import config_directory

    if keys:
        from earthgazer_tui.screens.keys import keys_as_toml

        click.echo(keys_as_toml(config_directory()))
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("the console needs a terminal; for scripts there is `earthgazer … --json`")

    gc.disable()
    sys.setswitchinterval(GIVE_WAY_S)

    from earthgazer_tui.contexts import Contexts, Start
    from earthgazer_tui.fleet.errors import SettingsError

    named = (broker, app_name, database, state_dir)
    if recording is not None and (context_name is not None or any(named)):
        raise click.UsageError("--replay shows a recording: no fleet can be named beside it")
    if context_name is not None and any(named):
        raise click.UsageError("--context names broker, app and database already: give one or the other")
    contexts = Contexts(
        Start(
            broker=broker,
            app=app_name,
            database=database,
            state_dir=state_dir,
            recording=recording,
            is_read_only=read_only,
            refresh_hz=refresh,
            is_detached=detach,
        )
    )
    try:
        place = contexts.find(context_name)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None

    from earthgazer_tui.app import ConsoleApp
    from earthgazer_tui.console_log import log_to_file

    log_to_file(_harmless)
    app = ConsoleApp(
        place.make_fleet,
        is_read_only=place.is_read_only,
        refresh_s=max(1.0, 1 / refresh),
        config_directory=config_directory(),
        place=place,
        places=contexts.places,
    )
    sys.exit(asyncio.run(run(app, mouse=mouse)))


def _harmless(text: str) -> str:
    """Return a text for the log without what steers a terminal, and without the passwords of URLs."""
    # here, because the first frame should not wait for it
    from earthgazer_tui.fleet.live import sanitise

    return sanitise.text(sanitise.without_credentials(text))


async def run(app: ConsoleApp, *, mouse: bool = False) -> int:
    """Run a console until it is left, then close its fleet; return the exit code.

    SIGTERM, SIGHUP and SIGINT leave it as a lost link does: without a choice. (Ctrl-C at the keyboard is a
    key; by default SIGINT would cancel whatever the console awaits just then, which may swallow it.)
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, *LINK_SIGNALS):
        loop.add_signal_handler(number, app.exit)
    loop.call_later(STARTED_S, _collect_garbage)
    try:
        await app.run_async(mouse=mouse)
    finally:
        for fleet, choice in app.left_open.items():
            await _close(fleet, choice)
    if app.failure:
        click.echo(f"earthgazer-tui: {app.failure}", err=True)
    return app.return_code or 0


def _collect_garbage() -> None:
    """Collect garbage from now on, among what was made since the start.

    Collecting while everything is imported takes a sixth of the start, and later each full collection
    would look once more at modules that stay anyway: keys would wait for that.
    """
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()


async def _close(fleet: Fleet, choice: QuitChoice | None) -> None:
    """Let go of a fleet; a wait for running tasks is ended by Ctrl-C, which stops them, or a lost link."""
    from earthgazer_tui.fleet.models import QuitChoice

    closing = asyncio.ensure_future(fleet.close(choice))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, *LINK_SIGNALS):
        loop.add_signal_handler(number, closing.cancel, number.name)
    try:
        done, _ = await asyncio.wait({closing}, timeout=NOTICE_S)
        if not done and sys.stderr.isatty():
            waits = choice is QuitChoice.WAIT
            click.echo(
                "Waiting for running tasks to end; Ctrl-C stops them." if waits else "Stopping…", err=True
            )
        await closing
    except asyncio.CancelledError as cancelled:
        if cancelled.args == (signal.SIGINT.name,):
            await fleet.close(QuitChoice.STOP)
    finally:
        for number in (signal.SIGINT, *LINK_SIGNALS):
            loop.remove_signal_handler(number)


if __name__ == "__main__":
    main()
