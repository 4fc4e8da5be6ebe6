"""``earthgazer stack``: the embedded servers and workers, started, looked at and ended."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option, note, table
from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.stack.client import StackClient
from earthgazer_core.stack.models import ProcessStatus, Release, StackStatus, StartStep, StepState

_MARKS = {StepState.STARTING: "…", StepState.READY: "✓", StepState.FAILED: "✗"}
_WATCH_S = 0.5


def state_dir_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option ``--state-dir``, by default the one given to ``earthgazer`` itself."""
    return click.option(
        "--state-dir",
        type=click.Path(path_type=Path, readable=False),
        default=_state_dir_of_root,
        help="Where the stack keeps its state; your user state directory if left out.",
    )(command)


def _state_dir_of_root() -> Path | None:
    context = click.get_current_context().find_object(CliContext)
    return context.state_dir if context else None


@click.group()
def stack() -> None:
    """Run the embedded servers and workers."""


@stack.command()
@state_dir_option
@click.option("--workers", type=click.IntRange(1, 64), help="Processes in each worker's pool.")
@click.option("--detach", is_flag=True, help="Leave it running in the background.")
@json_option
def up(state_dir: Path | None, workers: int | None, detach: bool, as_json: bool) -> None:
    """Start servers, migrate, start workers and beat; without --detach until Ctrl-C."""
    client = StackClient(state_dir)
    with _interrupts() as interrupted:
        env = client.ensure_running(_print_step, detach=detach, workers=workers)
        if as_json:
            emit(client.status().to_json(), as_json)
        if detach:
            note(f"running in {env.state_dir}; end it with `earthgazer stack down`")
            return
        note(f"running in {env.state_dir}; Ctrl-C ends it")
        lease = client.attach()
        while not interrupted.wait(_WATCH_S):
            if not lease.is_held:
                raise ServiceUnavailableError(
                    "the stack has ended; see logs/supervisor.log in its state directory"
                )
        interrupted.clear()
        note("ending: running tasks end first; Ctrl-C again ends them now")
        _end(client, interrupted)


@stack.command()
@state_dir_option
@json_option
def status(state_dir: Path | None, as_json: bool) -> None:
    """Show what runs; exit code 3 if nothing does."""
    now = StackClient(state_dir).status()
    emit(now.to_json(), as_json, _status_lines(now))


@stack.command()
@state_dir_option
@click.option("--now", is_flag=True, help="Don't wait for running tasks: they run again at the next start.")
def down(state_dir: Path | None, now: bool) -> None:
    """End the stack for everybody; running tasks end first."""
    StackClient(state_dir).shutdown(Release.STOP if now else Release.WAIT, _print_step)


@stack.command()
@state_dir_option
@json_option
def env(state_dir: Path | None, as_json: bool) -> None:
    """Print the settings that reach the stack, passwords included."""
    variables = StackClient(state_dir).env()
    emit(variables, as_json, [f"{name}={value}" for name, value in variables.items()])


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Turn Ctrl-C, SIGTERM and a lost terminal into an event."""
    event = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        event.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(client: StackClient, interrupted: threading.Event) -> None:
    ending = threading.Thread(target=client.shutdown, args=(Release.WAIT, _print_step), daemon=True)
    ending.start()
    while ending.is_alive():
        if interrupted.wait(0.1):
            interrupted.clear()
            client.shutdown(Release.STOP)
            ending.join()


def _print_step(step: StartStep) -> None:
    note(f"{step.elapsed_s:6.1f} s  {_MARKS[step.state]} {step.name}  {step.detail}".rstrip())


def _status_lines(now: StackStatus) -> list[str]:
    staying = "detached" if now.is_detached else f"{now.leases} attached"
    rows = [
        (process.name, process.state, process.pid, _age(process), process.restarts, process.detail)
        for process in now.processes
    ]
    return [
        f"{now.phase}, {staying}, EarthGazer {now.version}, in {now.state_dir}",
        *table(("process", "state", "pid", "up", "restarts", ""), rows),
    ]


def _age(process: ProcessStatus) -> str:
    return f"{time.time() - process.started_at:.0f} s" if process.started_at and process.pid else "-"
