"""``earthgazer tasks retry``: one, several, all that match, or one with other arguments."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.filters import read_filter
from earthgazer_core.cli.output import DONE, FAILED, emit, json_option, note, table
from earthgazer_core.errors import InvalidInputError, RefusedError

if TYPE_CHECKING:
    from earthgazer_core.operations.bulk_plan import BulkPlan
    from earthgazer_core.operations.retry import Retrier
    from earthgazer_core.operations.retry_offer import Retried, RetryPlanItem

_LISTED = 50


@click.command()
@click.argument("task_ids", nargs=-1)
@click.option(
    "--where", "line", help="All failed tasks that match, as in 'state:FAILURE name:ndvi since:2h'."
)
@click.option("--rate", "rate_text", help="At most so many: 5/s, 30/m, 100/h.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, the oldest failures first.")
@click.option("--copy", is_flag=True, help="A new task with the same message, instead of the same one again.")
@click.option("--args", "args_text", help="Other positional arguments, a JSON list; of one task, as a copy.")
@click.option("--kwargs", "kwargs_text", help="Other named arguments, a JSON object; likewise.")
@click.option("--edit", is_flag=True, help="Change the arguments of one task in $EDITOR; likewise.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent where, and what an edit changes.")
@json_option
@click.pass_obj
def retry(
    context: CliContext, task_ids: tuple[str, ...], line: str | None, rate_text: str | None,
    limit: int | None, copy: bool, args_text: str | None, kwargs_text: str | None, edit: bool,
    dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Publish the recorded messages of failed or revoked tasks again.

    Ctrl-C ends a bulk retry after the task that is under way; run it again to go on. Exit code 0: all
    were published; 1: some were refused, left or cut off by the limit.
    """
    if bool(task_ids) == (line is not None):
        raise click.UsageError("name tasks, or --where a filter")
    if edit or args_text is not None or kwargs_text is not None:
        if len(task_ids) != 1 or (edit and (args_text is not None or kwargs_text is not None)):
            raise click.UsageError(
                "arguments are changed of one task, with --edit or with --args and --kwargs"
            )
        return _edited(context, task_ids[0], args_text, kwargs_text, edit, dry_run, as_json)
    if line is None and rate_text is None and limit is None:
        return _named(retrier_of(context), task_ids, copy, dry_run, as_json)
    return _bulk(context, task_ids, line, rate_text, limit, copy, dry_run, as_json)


def retrier_of(context: CliContext) -> Retrier:
    """Return what retries the tasks of this context."""
    from earthgazer_core.operations.retry import Retrier

    key = context.settings.recorder.encryption_key
    return Retrier(context.database, context.app, encryption_key=key.get_secret_value() if key else None)


def _named(retrier: Retrier, task_ids: Sequence[str], copy: bool, dry_run: bool, as_json: bool) -> int:
    from earthgazer_core.operations.retry_offer import REFUSED, Retried

    if dry_run:
        plan = retrier.plan(task_ids)
        emit([asdict(one) for one in plan], as_json, _planned(plan))
        return FAILED if any(one.mode == REFUSED for one in plan) else DONE
    outcomes = retrier.retry_many(task_ids, copy=copy)
    emit([asdict(one) for one in outcomes], as_json)
    for one in outcomes:
        _tell(one)
    return DONE if all(isinstance(one, Retried) for one in outcomes) else FAILED


def _bulk(
    context: CliContext, task_ids: Sequence[str], line: str | None, rate_text: str | None,
    limit: int | None, copy: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    from earthgazer_core.operations.bulk import BulkProgress, run_bulk
    from earthgazer_core.operations.bulk_plan import LIMIT, plan_bulk
    from earthgazer_core.operations.retry_offer import REFUSED
    from earthgazer_core.operations.retry_rate import parse_rate

    wanted = task_ids if line is None else read_filter(line)
    rate = parse_rate(rate_text) if rate_text is not None else None
    retrier = retrier_of(context)
    plan = plan_bulk(
        context.database, retrier, wanted, limit=min(limit or LIMIT, LIMIT), listed=_LISTED if dry_run else 0
    )
    if plan.note:
        note(plan.note)
    if dry_run:
        document = {**asdict(plan), "is_cut": plan.is_cut, "note": plan.note}
        emit(document, as_json, [*_counted(plan), "", *_planned(plan.items)] if plan.tasks else ())
        if not plan.tasks:
            note("nothing to retry")
        return FAILED if plan.is_cut or any(one.mode == REFUSED for one in plan.items) else DONE

    def tell(progress: BulkProgress) -> None:
        if progress.last is not None:
            _tell(progress.last, f"{progress.done}/{progress.total} ")

    with _stopped_by_hand() as stop:
        outcome = run_bulk(
            context.database, retrier, plan, rate=rate, copy=copy, stop=stop, progress=tell,
            context="command line", said=line or "",
        )  # fmt: skip
    emit({**asdict(outcome), "left": outcome.left, "matched": plan.matched}, as_json, [outcome.summary])
    return FAILED if outcome.refused or outcome.left or plan.is_cut else DONE


def _edited(
    context: CliContext, task_id: str, args_text: str | None, kwargs_text: str | None, edit: bool,
    dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    from earthgazer_core.operations.edit import difference
    from earthgazer_core.operations.recorded_arguments import recorded_arguments
    from earthgazer_core.operations.retry_offer import REFUSED

    with context.session() as session:
        known = recorded_arguments(session, task_id)
    if edit:
        new = _from_editor(*known)
        if new is None:
            note("not saved: nothing was published")
            return FAILED
    else:
        new = (
            known[0] if args_text is None else _json(args_text, list, "--args", "a list […]"),
            known[1] if kwargs_text is None else _json(kwargs_text, dict, "--kwargs", "an object {…}"),
        )
    changes = difference(known, new)
    retrier = retrier_of(context)
    if dry_run:
        [item] = retrier.plan([task_id])
        emit({**asdict(item), "difference": changes}, as_json, [*_planned([item]), "", *changes.splitlines()])
        return FAILED if item.mode == REFUSED else DONE
    if not changes:
        raise RefusedError("the arguments are the same: nothing was published")
    done = retrier.retry(task_id, args=new[0], kwargs=new[1])
    emit({**asdict(done), "difference": changes}, as_json, changes.splitlines())
    _tell(done)
    return DONE


def _from_editor(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]] | None:
    from earthgazer_core.operations.edit import ArgumentsError, parse_arguments, render_arguments

    text: str | None = render_arguments(args, kwargs)
    while True:
        text = click.edit(text, extension=".json")
        if text is None:
            return None
        try:
            return parse_arguments(text)
        except ArgumentsError as error:
            note(f"{error}: {error.text.strip()}")
            if not click.confirm("edit again?", default=True, err=True):
                raise


def _json(text: str, kind: type, option: str, expected: str) -> Any:
    from earthgazer_core.operations.edit import ArgumentsError, parse_json

    try:
        value = parse_json(text)
    except ArgumentsError as error:
        note(error.text)
        note(f"{' ' * (error.column - 1)}^")
        raise InvalidInputError(f"{option}: {error}") from error
    if not isinstance(value, kind):
        raise InvalidInputError(f"{option}: expected {expected} in JSON")
    return value


@contextmanager
def _stopped_by_hand() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C sets, once; a second one ends the process as ever."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def set_it(_signal: int, _frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, set_it)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _counted(plan: BulkPlan) -> list[str]:
    return table(
        ("tasks", "name", "state", "queue"),
        ((one.count, one.name, one.state, one.queue) for one in plan.counts),
    )


def _planned(items: Sequence[RetryPlanItem]) -> list[str]:
    return table(
        ("task", "name", "queue", "mode", "note"),
        ((one.task_id, one.name, one.queue, one.mode, one.note) for one in items),
    )


def _tell(one: Retried | RetryPlanItem, number: str = "") -> None:
    from earthgazer_core.operations.retry_offer import Retried

    if isinstance(one, Retried):
        as_copy = f" as {one.new_id}" if one.new_id else f", attempt {one.attempt}"
        note(f"{number}{one.task_id} {one.name}: published to {one.queue}{as_copy}")
    else:
        note(f"{number}{one.task_id} {one.name}: refused, {one.note}")
