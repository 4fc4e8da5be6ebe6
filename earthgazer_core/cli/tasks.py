"""``earthgazer tasks``: what ran, why it failed, and another try."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.moments import moment
from earthgazer_core.cli.output import DONE, FAILED, emit, json_option, note, table

if TYPE_CHECKING:
    from earthgazer_core.operations.executions import ExecutionDetail
    from earthgazer_core.operations.retry import Retrier


@click.group()
def tasks() -> None:
    """Tasks: list, show, retry, revoke."""


@tasks.command("list")
@click.option("--state", "states", multiple=True, help="FAILURE, SUCCESS, STARTED, …; repeatable.")
@click.option("--since", help="Changed since: 30m, 2h, 1d, or an ISO 8601 time.")
@click.option("--name", help="This task name.")
@click.option("--run", "run_id", help="Of this workflow run.")
@click.option("--capture", "capture_id", type=int, help="Working on this capture.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@json_option
@click.pass_obj
def list_(
    context: CliContext, states: tuple[str, ...], since: str | None, name: str | None, run_id: str | None,
    capture_id: int | None, limit: int, as_json: bool,
) -> None:  # fmt: skip
    """List recorded tasks, newest change first."""
    from earthgazer_core.operations.executions import list_executions

    with context.session() as session:
        found = list_executions(
            session,
            states=[state.upper() for state in states],
            since=None if since is None else moment(since, "--since"),
            name=name,
            run_id=run_id,
            capture_id=capture_id,
            limit=limit,
        )
    lines = table(
        ("task", "name", "state", "changed", "queue", "worker", "error"),
        (
            (one.task_id, one.name, one.state, one.at, one.queue, one.worker, _first_line(one.error_message))
            for one in found
        ),
    )
    emit([asdict(one) for one in found], as_json, lines)


@tasks.command()
@click.argument("task_id")
@json_option
@click.pass_obj
def show(context: CliContext, task_id: str, as_json: bool) -> None:
    """Show a task with its timeline, arguments, result and traceback."""
    from earthgazer_core.operations.executions import show_execution

    with context.session() as session:
        detail = show_execution(session, task_id)
    data = {**asdict(detail), **asdict(detail.execution)}
    del data["execution"]
    emit(data, as_json, _lines(detail))


@tasks.command()
@click.argument("task_ids", nargs=-1, required=True)
@click.option("--copy", is_flag=True, help="A new task with the same message, instead of the same one again.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent where.")
@json_option
@click.pass_obj
def retry(context: CliContext, task_ids: tuple[str, ...], copy: bool, dry_run: bool, as_json: bool) -> None:
    """Publish the recorded messages of failed or revoked tasks again."""
    from earthgazer_core.operations.retry import REFUSED, Retried

    retrier = _retrier(context)
    if dry_run:
        plan = retrier.plan(task_ids)
        lines = table(
            ("task", "name", "queue", "mode", "note"),
            ((one.task_id, one.name, one.queue, one.mode, one.note) for one in plan),
        )
        emit([asdict(one) for one in plan], as_json, lines)
        click.get_current_context().exit(FAILED if any(one.mode == REFUSED for one in plan) else DONE)
    outcomes = retrier.retry_many(task_ids, copy=copy)
    emit([asdict(one) for one in outcomes], as_json)
    for one in outcomes:
        if isinstance(one, Retried):
            as_copy = f" as {one.new_id}" if one.new_id else f", attempt {one.attempt}"
            note(f"{one.task_id} {one.name}: published to {one.queue}{as_copy}")
        else:
            note(f"{one.task_id} {one.name}: refused, {one.note}")
    is_done = all(isinstance(one, Retried) for one in outcomes)
    click.get_current_context().exit(DONE if is_done else FAILED)


@tasks.command()
@click.argument("task_ids", nargs=-1, required=True)
@click.option("--terminate", is_flag=True, help="Also end the process of a task that runs.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=2.0, show_default=True)
@json_option
@click.pass_obj
def revoke(
    context: CliContext, task_ids: tuple[str, ...], terminate: bool, timeout_s: float, as_json: bool
) -> None:
    """Have workers discard tasks that have not ended, and say what each worker answered."""
    from earthgazer_core.operations.mailbox import Mailbox
    from earthgazer_core.operations.revoke import revoke as do_revoke

    with closing(Mailbox(context.app)) as mailbox:
        result = do_revoke(context.database, mailbox, task_ids, terminate=terminate, timeout_s=timeout_s)
    answers = [{"worker": one.worker, "ok": one.is_ok, "text": one.text} for one in result.answers.answers]
    data = {
        "revoked": result.revoked,
        "terminated": dict(result.terminated),
        "refused": dict(result.refused),
        "answers": answers,
    }
    lines = table(("worker", "answer"), ((one["worker"], one["text"]) for one in answers))
    emit(data, as_json, lines if answers else ())
    for task_id, reason in result.refused.items():
        note(f"{task_id}: refused, {reason}")
    if result.revoked and not answers:
        note(
            "no worker answered: none is there, or all are busy; workers that start later will not know of it"
        )
    is_done = bool(result.revoked) and not result.refused and bool(answers) and result.answers.is_ok
    click.get_current_context().exit(DONE if is_done else FAILED)


def _retrier(context: CliContext) -> Retrier:
    from earthgazer_core.operations.retry import Retrier

    key = context.settings.recorder.encryption_key
    return Retrier(context.database, context.app, encryption_key=key.get_secret_value() if key else None)


def _first_line(text: str | None) -> str:
    return next(iter((text or "").strip().splitlines()), "")


def _lines(detail: ExecutionDetail) -> list[str]:
    execution = detail.execution
    facts: list[tuple[str, Any]] = [
        ("task", execution.task_id),
        ("name", execution.name),
        ("state", execution.state),
        ("attempt", execution.attempt),
        ("retries", execution.retries),
        ("queue", execution.queue),
        ("worker", execution.worker),
        ("run", execution.run_id),
        ("capture", execution.capture_id),
        ("blocked by", execution.blocked_by),
        ("copy of", execution.copy_of),
        ("args", detail.args),
        ("kwargs", detail.kwargs),
        ("from", detail.args_source),
        ("result", detail.result),
    ]
    lines = [f"{name:<11}{value}" for name, value in facts if value is not None and value != ""]
    lines.append("")
    lines += table(
        ("at", "state", "attempt", "worker", "detail"),
        ((one.at, one.state, one.attempt, one.worker, one.line) for one in detail.timeline),
    )
    if detail.traceback:
        lines += ["", *detail.traceback.splitlines()]
    return lines
