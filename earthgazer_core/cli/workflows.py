"""``earthgazer workflows``: started, looked at, ended."""

from __future__ import annotations

from typing import Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option, table
from earthgazer_core.domain.bbox import BBox


@click.group()
def workflows() -> None:
    """Workflows: process, full-pipeline, reprocess, list, show, cancel."""


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
) -> None:  # fmt: skip
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
    click.get_current_context().exit(report(result, wait=wait, as_json=as_json))


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
) -> None:  # fmt: skip
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
    click.get_current_context().exit(report(result, wait=wait, as_json=as_json))


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
) -> None:  # fmt: skip
    """Make the products of captures that we hold once more."""
    from earthgazer_core.cli.waiting import report
    from earthgazer_core.workflows import reprocess_existing_captures_workflow

    with context.publishing():
        result = reprocess_existing_captures_workflow(
            mission_filter, limit, _names(bands), _bounds(bbox), indices=_names(indices) or ()
        )
    click.get_current_context().exit(report(result, wait=wait, as_json=as_json))


@workflows.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@json_option
@click.pass_obj
def list_(context: CliContext, limit: int, as_json: bool) -> None:
    """List runs, newest first."""
    from earthgazer_core.db.repositories import runs

    with context.session() as session:
        found = runs.newest(session, limit)
    data = [
        {"run_id": run.run_id, "name": run.name, "created_at": run.created_at, "states": states}
        for run, states in found
    ]
    lines = table(
        ("run", "workflow", "started", "tasks"),
        ((run.run_id, run.name, run.created_at, _counts(states)) for run, states in found),
    )
    emit(data, as_json, lines)


@workflows.command()
@click.argument("run_id")
@json_option
@click.pass_obj
def show(context: CliContext, run_id: str, as_json: bool) -> None:
    """Show a run with its tasks."""
    from earthgazer_core.db.repositories import runs

    with context.session() as session:
        run = runs.get(session, run_id)
        tasks = [
            {
                "task_id": task.task_id, "name": task.name, "state": task.state,
                "capture_id": task.capture_id, "percent": task.percent, "stage": task.stage,
                "runtime_s": task.runtime_s,
                "error": f"{task.error_type}: {task.error_message}" if task.error_type else None,
            }
            for task in runs.tasks(session, run_id)
        ]  # fmt: skip
    data = {
        "run_id": run.run_id, "name": run.name, "created_at": run.created_at,
        "cancelled_at": run.cancelled_at, "parameters": run.parameters, "tasks": tasks,
    }  # fmt: skip
    columns = ("task_id", "name", "state", "capture_id", "runtime_s", "error")
    emit(
        data,
        as_json,
        [
            f"{run.name} of {run.created_at:%Y-%m-%d %H:%M:%S} with {run.parameters}",
            *table(columns, ([task[column] for column in columns] for task in tasks)),
        ],
    )


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _bounds(text: str | None) -> tuple[float, float, float, float] | None:
    return BBox.parse(text).as_tuple() if text is not None else None


def _counts(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state.lower()}" for state, count in sorted(states.items()))
