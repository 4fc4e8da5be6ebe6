"""``earthgazer workflows``: started, looked at, ended."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import DONE, FAILED, emit, json_option, table
from earthgazer_core.domain.bbox import BBox


@click.group()
def workflows() -> None:
    """Workflows: process, full-pipeline, reprocess, list, show, cancel, resume."""


_index = click.option(
    "--index", "indices", default="ndvi", show_default=True, help="Indices, comma separated."
)
_bbox = click.option("--bbox", help="W,S,E,N in degrees; write --bbox=… where W is negative.")
_bands = click.option("--bands", help="Bands, comma separated; those of NDVI and RGB if unset.")
_wait = click.option("--wait", is_flag=True, help="Wait for the end; exit code 1 if something failed.")


@workflows.command()
@click.argument("capture_ids", type=int, nargs=-1, required=True)
@_index
@_bands
@_bbox
@click.option("--force", is_flag=True, help="Make again what is there already.")
@click.option("--no-analysis", is_flag=True, help="Of several captures, leave the temporal analysis out.")
@_wait
@json_option
@click.pass_obj
def process(
    context: CliContext, capture_ids: tuple[int, ...], indices: str, bands: str | None, bbox: str | None,
    force: bool, no_analysis: bool, wait: bool, as_json: bool,
) -> int:  # fmt: skip
    """Process captures: download, stack and crop, indices, true colour."""
    from earthgazer_core.cli.waiting import report
    from earthgazer_core.db.repositories import captures
    from earthgazer_core.workflows import process_multiple_captures_workflow, process_single_capture_workflow

    with context.session() as session:
        captures.find(session, ids=capture_ids)
    common: dict[str, Any] = {
        "bands": _names(bands), "bounds": _bounds(bbox), "indices": _names(indices) or (), "force": force
    }  # fmt: skip
    with context.publishing():
        if len(capture_ids) == 1:
            result = process_single_capture_workflow(capture_ids[0], **common)
        else:
            result = process_multiple_captures_workflow(
                capture_ids, run_temporal_analysis=not no_analysis, **common
            )
    return report(context, result, wait=wait, as_json=as_json)


@workflows.command("full-pipeline")
@click.option("--location", "location_ids", type=int, multiple=True, help="Only this location; repeatable.")
@click.option("--mission", "mission_filter", help="Only this mission.")
@_index
@_bands
@_bbox
@click.option("--force", is_flag=True, help="Make again what is there already.")
@_wait
@json_option
@click.pass_obj
def full_pipeline(
    context: CliContext, location_ids: tuple[int, ...], mission_filter: str | None, indices: str,
    bands: str | None, bbox: str | None, force: bool, wait: bool, as_json: bool,
) -> int:  # fmt: skip
    """Discover, back up, process and analyse the watched places."""
    from earthgazer_core.cli.waiting import report
    from earthgazer_core.db.repositories import locations
    from earthgazer_core.workflows import full_pipeline_workflow

    with context.session() as session:
        locations.find(session, ids=location_ids or None)
    with context.publishing():
        result = full_pipeline_workflow(
            location_ids or None, _names(bands), _bounds(bbox), mission_filter,
            indices=_names(indices) or (), force=force,
        )  # fmt: skip
    return report(context, result, wait=wait, as_json=as_json)


@workflows.command()
@click.option("--mission", "mission_filter", help="Only this mission.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many captures.")
@_index
@_bands
@_bbox
@_wait
@json_option
@click.pass_obj
def reprocess(
    context: CliContext, mission_filter: str | None, limit: int | None, indices: str, bands: str | None,
    bbox: str | None, wait: bool, as_json: bool,
) -> int:  # fmt: skip
    """Make the products of captures that we hold once more."""
    from earthgazer_core.cli.waiting import report
    from earthgazer_core.workflows import reprocess_existing_captures_workflow

    with context.publishing():
        result = reprocess_existing_captures_workflow(
            mission_filter, limit, _names(bands), _bounds(bbox), indices=_names(indices) or ()
        )
    return report(context, result, wait=wait, as_json=as_json)


@workflows.command("list")
@click.option("--text", default="", help="Words that the name or the id holds.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@json_option
@click.pass_obj
def list_(context: CliContext, text: str, limit: int, as_json: bool) -> None:
    """List runs: those that go on, then the newest."""
    from earthgazer_core.operations.runs import list_runs

    with context.session() as session:
        found = list_runs(session, text=text, limit=limit)
    lines = table(
        ("run", "workflow", "subject", "started", "state", "done"),
        (
            (run.run_id, run.name, run.subject, run.created_at, run.state, f"{run.done} of {run.total}")
            for run in found
        ),
    )
    emit([asdict(run) for run in found], as_json, lines)


@workflows.command()
@click.argument("run_id")
@json_option
@click.pass_obj
def show(context: CliContext, run_id: str, as_json: bool) -> None:
    """Show a run with its steps, those to come included."""
    from earthgazer_core.operations.runs import show_run

    with context.session() as session:
        found = show_run(session, run_id)
    run = found.row
    lines = [
        f"{run.name} {run.subject} of {run.created_at:%Y-%m-%d %H:%M:%S}:"
        f" {run.state}, {run.done} of {run.total} done",
        *table(
            ("task", "name", "state", "capture", "error"),
            (
                (step.task_id, "  " * step.depth + step.name, step.state, step.capture_id, step.error)
                for step in found.steps
            ),
        ),
    ]
    emit({**asdict(run), "steps": [asdict(step) for step in found.steps]}, as_json, lines)


@workflows.command()
@click.argument("run_id")
@json_option
@click.pass_obj
def cancel(context: CliContext, run_id: str, as_json: bool) -> None:
    """Revoke what is unfinished of a run; tasks that run now end by themselves, and nothing follows them."""
    from earthgazer_core.operations.cancel import cancel_run
    from earthgazer_core.operations.mailbox import Mailbox

    mailbox = Mailbox(context.app)
    try:
        result = cancel_run(context.database, mailbox, run_id, context="command line")
    finally:
        mailbox.close()
    answered = [answer.worker for answer in result.answers.answers]
    data = {
        "run_id": run_id, "published": list(result.published), "future": list(result.future),
        "workers": answered,
    }  # fmt: skip
    emit(
        data,
        as_json,
        [
            f"run {run_id}: {len(result.published)} tasks revoked, {len(result.future)} steps will not begin",
            f"acknowledged by {', '.join(answered) or 'no worker'}",
        ],
    )


@workflows.command()
@click.argument("run_id")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent where.")
@json_option
@click.pass_obj
def resume(context: CliContext, run_id: str, dry_run: bool, as_json: bool) -> int:
    """Run all that failed, was revoked or never ran of a run, and nothing that succeeded.

    What is left of a cancelled run goes on as a new run, because workers discard what belongs to the old.
    """
    from earthgazer_core.operations.resume import Resumer

    key = context.settings.recorder.encryption_key
    resumer = Resumer(
        context.database,
        context.app,
        encryption_key=key.get_secret_value() if key else None,
        context="command line",
    )
    if dry_run:
        plan = resumer.plan(run_id)
        lines = table(
            ("task", "name", "queue", "mode", "note"),
            ((one.task_id, one.name, one.queue, one.mode, one.note) for one in plan.items),
        )
        emit({**asdict(plan), "summary": plan.summary}, as_json, [plan.summary, *lines])
        return FAILED if plan.refusal else DONE
    done = resumer.resume(run_id)
    emit(
        asdict(done),
        as_json,
        [
            f"run {run_id}: {done.summary}",
            *(f"{one.task_id} {one.name}: published to {one.queue}, {one.mode}" for one in done.sent),
            *(f"{one.task_id} {one.name}: refused, {one.note}" for one in done.refused),
        ],
    )
    return FAILED if done.refused else DONE


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _bounds(text: str | None) -> tuple[float, float, float, float] | None:
    return BBox.parse(text).as_tuple() if text is not None else None
