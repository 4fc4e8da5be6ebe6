"""``earthgazer tasks``: what ran, why it failed, and another try."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.filters import read_filter, terms_of
from earthgazer_core.cli.moments import moment
from earthgazer_core.cli.output import DONE, FAILED, emit, json_option, note, table
from earthgazer_core.cli.retry import retry

if TYPE_CHECKING:
    from earthgazer_core.operations.executions import ExecutionDetail


@click.group()
def tasks() -> None:
    """Tasks: list, show, retry, revoke."""


@tasks.command("list")
@click.argument("words", metavar="[FILTER]", nargs=-1)
@click.option("--where", "line", default="", help="A filter too, for one that begins with a dash.")
@click.option("--state", "states", multiple=True, help="FAILURE, SUCCESS, STARTED, …; repeatable.")
@click.option("--since", help="Changed since: 30m, 2h, 1d, or an ISO 8601 time.")
@click.option("--name", help="This task name.")
@click.option("--run", "run_id", help="Of this workflow run.")
@click.option("--capture", "capture_id", type=int, help="Working on this capture.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@json_option
@click.pass_obj
def list_(
    context: CliContext, words: tuple[str, ...], line: str, states: tuple[str, ...], since: str | None,
    name: str | None, run_id: str | None, capture_id: int | None, limit: int, as_json: bool,
) -> None:  # fmt: skip
    """List recorded tasks, newest change first.

    FILTER is words and fields, as in: ndvi state:failure runtime:>30 since:2h NOT worker:cpu2
    """
    from earthgazer_core.operations.filter import Filter
    from earthgazer_core.operations.search import search_executions

    asked = read_filter(" ".join([*words, line]).strip())
    options = terms_of(
        states=states,
        since=None if since is None else moment(since, "--since"),
        name=name,
        run_id=run_id,
        capture_id=capture_id,
    )
    with context.session() as session:
        found = search_executions(session, Filter((*asked.terms, *options)), limit=limit)
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
    """Show a task: timeline, arguments, result, and the traceback and last log lines of each failed try."""
    from earthgazer_core.operations.executions import show_execution

    with context.session() as session:
        detail = show_execution(session, task_id)
    data = {**asdict(detail), **asdict(detail.execution)}
    del data["execution"]
    emit(data, as_json, _lines(detail))


tasks.add_command(retry)


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
    for change in detail.earlier_tries:
        if change.traceback or change.log:
            lines += ["", f"{change.at} {change.state}, attempt {change.attempt}:"]
            lines += [*change.traceback.splitlines(), *_log_lines(change.log)]
    if detail.traceback or detail.log:
        lines += ["", "last failure:", *(detail.traceback or "").splitlines(), *_log_lines(detail.log or "")]
    return lines


def _log_lines(log: str) -> list[str]:
    return ["log (last lines, UTC):", *(f"  {line}" for line in log.splitlines())] if log else []
