"""``earthgazer workers autoscale`` and the other verbs that tell workers what to do, by name or pattern."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import DONE, FAILED, emit, json_option, note, table

if TYPE_CHECKING:
    from earthgazer_core.operations.controls.control import ControlResult, WorkerControl
    from earthgazer_core.operations.controls.facts import Told
    from earthgazer_core.operations.controls.shutdown import Leaving
    from earthgazer_core.operations.mailbox import Answer

_workers = click.argument("workers", metavar="WORKERS")
_timeout = click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=2.0, show_default=True,
    help="Seconds to wait for an answer.",
)  # fmt: skip


@click.command()
@_workers
@click.argument("most", type=int)
@click.argument("least", type=int, required=False)
@_timeout
@json_option
@click.pass_obj
def autoscale(
    context: CliContext, workers: str, most: int, least: int | None, timeout_s: float, as_json: bool
) -> None:
    """Change the range of processes of WORKERS (cpu@*) that scale themselves."""
    from earthgazer_core.operations.controls.pool import autoscale as do

    with opened_control(context, timeout_s) as control:
        _report(do(control, workers, most=most, least=least, on_answer=_tell), as_json)


@click.command("add-consumer")
@_workers
@click.argument("queue")
@click.option("--exchange")
@click.option("--exchange-type", type=click.Choice(["direct", "topic", "fanout"]))
@click.option("--routing-key")
@_timeout
@json_option
@click.pass_obj
def add_consumer(
    context: CliContext, workers: str, queue: str, exchange: str | None, exchange_type: str | None,
    routing_key: str | None, timeout_s: float, as_json: bool,
) -> None:  # fmt: skip
    """Have WORKERS take from QUEUE as well."""
    from earthgazer_core.operations.controls.consumers import add_consumer as do

    with opened_control(context, timeout_s) as control:
        result = do(
            control, workers, queue, exchange=exchange, exchange_type=exchange_type,
            routing_key=routing_key, on_answer=_tell,
        )  # fmt: skip
        _report(result, as_json)


@click.command("cancel-consumer")
@_workers
@click.argument("queue")
@_timeout
@json_option
@click.pass_obj
def cancel_consumer(context: CliContext, workers: str, queue: str, timeout_s: float, as_json: bool) -> None:
    """Have WORKERS take no more from QUEUE."""
    from earthgazer_core.operations.controls.consumers import cancel_consumer as do

    with opened_control(context, timeout_s) as control:
        _report(do(control, workers, queue, on_answer=_tell), as_json)


@click.command("rate-limit")
@_workers
@click.argument("task_name", metavar="TASK")
@click.argument("limit", metavar="RATE")
@_timeout
@json_option
@click.pass_obj
def rate_limit(
    context: CliContext, workers: str, task_name: str, limit: str, timeout_s: float, as_json: bool
) -> None:
    """Limit how often each of WORKERS begins TASK: 10/s, 5/m, 100/h, 0 for no limit."""
    from earthgazer_core.operations.controls.limits import rate_limit as do

    with opened_control(context, timeout_s) as control:
        _report(do(control, workers, task_name, limit, on_answer=_tell), as_json)


@click.command("time-limit")
@_workers
@click.argument("task_name", metavar="TASK")
@click.option("--soft", "soft_s", type=float, help="Seconds after which it is told; none lifts the limit.")
@click.option("--hard", "hard_s", type=float, help="Seconds after which it is killed; none lifts the limit.")
@_timeout
@json_option
@click.pass_obj
def time_limit(
    context: CliContext, workers: str, task_name: str, soft_s: float | None, hard_s: float | None,
    timeout_s: float, as_json: bool,
) -> None:  # fmt: skip
    """Limit how long TASK may run on WORKERS."""
    from earthgazer_core.operations.controls.limits import time_limit as do

    with opened_control(context, timeout_s) as control:
        _report(do(control, workers, task_name, soft_s=soft_s, hard_s=hard_s, on_answer=_tell), as_json)


@click.command("pool-restart")
@_workers
@_timeout
@json_option
@click.pass_obj
def pool_restart(context: CliContext, workers: str, timeout_s: float, as_json: bool) -> None:
    """Put new processes in the place of the pool's old ones."""
    from earthgazer_core.operations.controls.pool import restart_pool

    with opened_control(context, timeout_s) as control:
        _report(restart_pool(control, workers, on_answer=_tell), as_json)


@click.command()
@_workers
@click.argument("switch", type=click.Choice(["on", "off"]))
@_timeout
@json_option
@click.pass_obj
def events(context: CliContext, workers: str, switch: str, timeout_s: float, as_json: bool) -> None:
    """Have WORKERS send task events, or stop sending them."""
    from earthgazer_core.operations.controls.events import switch_events

    with opened_control(context, timeout_s) as control:
        _report(switch_events(control, workers, on=switch == "on", on_answer=_tell), as_json)


@click.command()
@_workers
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=60.0, show_default=True)
@click.option("--even-silent", is_flag=True, help="Also tell workers that don't answer (busy solo pools).")
@_timeout
@json_option
@click.pass_obj
def shutdown(
    context: CliContext, workers: str, wait_s: float, even_silent: bool, timeout_s: float, as_json: bool
) -> None:
    """Have WORKERS end warm, and tell what still runs until it has ended."""
    from earthgazer_core.operations.broker import RedisBroker
    from earthgazer_core.operations.brokers import REDIS, kind_of
    from earthgazer_core.operations.controls.shutdown import shut_down

    with opened_control(context, timeout_s) as control, ExitStack() as opened:
        broker = None
        if kind_of(context.app) == REDIS:
            broker = opened.enter_context(closing(RedisBroker(context.app)))
        result = shut_down(
            control, workers, broker=broker, wait_s=wait_s, even_silent=even_silent, on_progress=_tell_leaving
        )
    emit({**asdict(result), "ok": result.is_ok}, as_json, [result.summary])
    click.get_current_context().exit(DONE if result.is_ok or not wait_s else FAILED)


@click.command()
@_workers
@click.option("--defaults", "with_defaults", is_flag=True, help="Also settings that nobody set.")
@_timeout
@json_option
@click.pass_obj
def conf(context: CliContext, workers: str, with_defaults: bool, timeout_s: float, as_json: bool) -> None:
    """Show the settings of WORKERS, without secrets."""
    from earthgazer_core.operations.controls import facts

    with opened_control(context, timeout_s) as control:
        told = facts.conf(control, workers, with_defaults=with_defaults)
    rows = [(worker, name, value) for worker, pairs in told.by_worker.items() for name, value in pairs]
    data = {worker: dict(pairs) for worker, pairs in told.by_worker.items()}
    _emit_told(told, data, as_json, table(("worker", "setting", "value"), rows))


@click.command()
@_workers
@click.option("--builtins", is_flag=True, help="Also Celery's own.")
@_timeout
@json_option
@click.pass_obj
def registered(context: CliContext, workers: str, builtins: bool, timeout_s: float, as_json: bool) -> None:
    """Show the tasks that WORKERS know, with their limits."""
    from earthgazer_core.operations.controls import facts

    with opened_control(context, timeout_s) as control:
        told = facts.registered(control, workers, builtins=builtins)
    rows = [
        (worker, task.name, " ".join(f"{name}={value}" for name, value in task.attributes))
        for worker, tasks in told.by_worker.items()
        for task in tasks
    ]
    data = {
        worker: {task.name: dict(task.attributes) for task in tasks}
        for worker, tasks in told.by_worker.items()
    }
    _emit_told(told, data, as_json, table(("worker", "task", "attributes"), rows))


@click.command()
@_workers
@_timeout
@json_option
@click.pass_obj
def revoked(context: CliContext, workers: str, timeout_s: float, as_json: bool) -> None:
    """Show the ids of tasks that WORKERS will discard."""
    from earthgazer_core.operations.controls import facts

    with opened_control(context, timeout_s) as control:
        told = facts.revoked(control, workers)
    rows = [(worker, task_id) for worker, ids in told.by_worker.items() for task_id in ids]
    _emit_told(told, dict(told.by_worker), as_json, table(("worker", "task"), rows))


COMMANDS: tuple[click.Command, ...] = (
    autoscale, add_consumer, cancel_consumer, rate_limit, time_limit, pool_restart, events, shutdown, conf,
    registered, revoked,
)  # fmt: skip
"""Subcommands of ``earthgazer workers``."""


@contextmanager
def opened_control(context: CliContext, timeout_s: float = 2.0) -> Iterator[WorkerControl]:
    """Yield what tells workers what to do, and close it."""
    from earthgazer_core.operations.controls.control import WorkerControl
    from earthgazer_core.operations.mailbox import Mailbox

    database = context.database if context.settings.database.is_configured else None
    with (
        closing(Mailbox(context.app)) as mailbox,
        WorkerControl(context.app, mailbox, database=database, timeout_s=timeout_s) as control,
    ):
        yield control


def _tell(answer: Answer) -> None:
    note(f"{answer.worker}: {answer.text}")


def _tell_leaving(one: Leaving) -> None:
    running = ", ".join(f"{task.name} {task.task_id}" for task in one.running)
    words = "has left" if one.has_left else "listens" if one.is_listening else "listens no more"
    note(f"{one.worker}: {words}{f', still runs {running}' if running else ''}")


def _report(result: ControlResult, as_json: bool) -> None:
    for worker, reason in result.refused:
        note(f"{worker}: refused, {reason}")
    for worker in result.silent:
        note(f"{worker}: no answer")
    emit({**asdict(result), "ok": result.is_ok}, as_json, [result.summary])
    click.get_current_context().exit(DONE if result.is_ok else FAILED)


def _emit_told(told: Told[Any], data: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    for worker, reason in told.refused:
        note(f"{worker}: {reason}")
    for worker in told.silent:
        note(f"{worker}: no answer")
    emit(data, as_json, lines)
    click.get_current_context().exit(DONE if told.by_worker and not told.silent else FAILED)
