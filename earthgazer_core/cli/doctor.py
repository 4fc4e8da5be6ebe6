"""``earthgazer doctor``: what is wrong with the fleet, and why a task doesn't run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import DONE, FAILED, UNREACHABLE, emit, json_option

if TYPE_CHECKING:
    from earthgazer_core.operations.doctor import Finding, FleetAccess


@click.command()
@click.argument("task_id", required=False)
@click.option(
    "--patience", "patience_s", type=click.FloatRange(min=0.1), default=2.0, show_default=True,
    help="Seconds that workers have to answer.",
)  # fmt: skip
@json_option
@click.pass_context
def doctor(click_context: click.Context, task_id: str | None, patience_s: float, as_json: bool) -> None:
    """Look for what is wrong with the fleet, or with one task: why is it still pending?

    Exit codes: 0 nothing is wrong, 1 there are findings, 3 neither broker nor database can be reached.
    Of a task, findings that only say what it waits for ("info") leave it at 0.
    """
    from earthgazer_core.operations.doctor import Severity, diagnose, explain_task

    context: CliContext = click_context.obj
    with _access(context, patience_s) as access:
        found = diagnose(access) if task_id is None else explain_task(task_id, access)
    emit({"task_id": task_id, "findings": [asdict(one) for one in found]}, as_json, _lines(found))
    if _is_all_away(access, found):
        click_context.exit(UNREACHABLE)
    wrong = [one for one in found if task_id is None or one.severity is not Severity.INFO]
    click_context.exit(FAILED if wrong else DONE)


@contextmanager
def _access(context: CliContext, patience_s: float) -> Iterator[FleetAccess]:
    from earthgazer_core.celery_app import configuration
    from earthgazer_core.errors import ServiceUnavailableError
    from earthgazer_core.operations.brokers import AMQP, REDIS, kind_of
    from earthgazer_core.operations.doctor import FleetAccess
    from earthgazer_core.operations.doctor.access import OWN_APP
    from earthgazer_core.operations.doctor.deadline import Pending
    from earthgazer_core.operations.mailbox import Mailbox
    from earthgazer_core.operations.queues.lever_broker import lever_broker

    settings = context.settings
    database = context.database if settings.database.is_configured else None
    if not settings.celery.is_configured:
        if database is None:
            configuration(settings)  # tells what to set, or to start
        yield FleetAccess(app=None, database=database, disk_paths=(settings.storage.data_path,))
        return
    app = context.app
    mailbox = Mailbox(app)
    broker = None
    if kind_of(app) in (REDIS, AMQP):
        broker = lever_broker(app, settings.recorder.redact, management_url=context.management_url)
    yield FleetAccess(
        app=app,
        mailbox=mailbox,
        broker=broker,
        database=database,
        disk_paths=(settings.storage.data_path,),
        celery_app=OWN_APP,
        patience_s=patience_s,
    )
    # A broker that hangs keeps both for itself; the process ends all the same.
    with suppress(ServiceUnavailableError):
        Pending("the broker", mailbox.close, patience_s).result()
        if broker is not None:
            Pending("the broker", broker.close, patience_s).result()


def _is_all_away(access: FleetAccess, found: tuple[Finding, ...]) -> bool:
    away = {one.subject for one in found if one.check.endswith("-unreachable")}
    services = {"broker"} if access.mailbox is not None else set()
    return (services | ({"database"} if access.database is not None else set())) <= away


def _lines(found: tuple[Finding, ...]) -> Iterator[str]:
    if not found:
        yield "nothing is wrong"
    for one in found:
        yield f"{one.severity.upper():8}  {one.subject}: {one.evidence}"
        yield f"          fix: {one.fix}   [{one.check}]"
