"""``earthgazer artifacts``: files that were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option, table
from earthgazer_core.errors import ConflictError


@click.group()
def artifacts() -> None:
    """Files that were made: list, show, export."""


@artifacts.command("list")
@click.option("--capture", "capture_id", type=int)
@click.option("--kind", help="ndvi, rgb, stacked, …")
@click.option("--limit", type=click.IntRange(min=1))
@json_option
@click.pass_obj
def list_(
    context: CliContext, capture_id: int | None, kind: str | None, limit: int | None, as_json: bool
) -> None:
    """List artifacts, newest first."""
    from earthgazer_core.db.repositories import artifacts as made
    from earthgazer_core.db.repositories import captures

    with context.session() as session:
        if capture_id is not None:
            captures.get(session, capture_id)
        ids = [capture_id] if capture_id is not None else None
        rows = made.find(session, capture_ids=ids, kind=kind, limit=limit)
    data = [described(row, with_histogram=False) for row in rows]
    columns = ("id", "capture_id", "kind", "outcome", "bytes", "created_at", "uri")
    emit(data, as_json, table(columns, ([one[column] for column in columns] for one in data)))


@artifacts.command()
@click.argument("artifact_id", type=int)
@json_option
@click.pass_obj
def show(context: CliContext, artifact_id: int, as_json: bool) -> None:
    """Show an artifact with its statistics and histogram."""
    from earthgazer_core.db.repositories import artifacts as made

    with context.session() as session:
        data = described(made.get(session, artifact_id))
    statistics = data["statistics"] or {}
    lines = [f"{name}: {value}" for name, value in data.items() if name != "statistics"]
    lines += [f"{name}: {value}" for name, value in statistics.items() if name != "histogram"]
    emit(data, as_json, lines)


@artifacts.command()
@click.argument("artifact_id", type=int)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    default=Path(),
    help="File or directory; the current directory if unset.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@json_option
@click.pass_obj
def export(context: CliContext, artifact_id: int, target: Path, overwrite: bool, as_json: bool) -> None:
    """Copy an artifact out of the store, verified."""
    from earthgazer_core.db.repositories import artifacts as made
    from earthgazer_core.storage import ObjectStorage

    with context.session() as session:
        row = made.get(session, artifact_id)
    path = target / row.uri.rsplit("/", 1)[-1] if target.is_dir() else target
    if path.exists() and not overwrite:
        raise ConflictError(f"{path} is there already; --overwrite replaces it")
    store = ObjectStorage(context.settings.storage.artifacts_root(), context.settings.storage)
    path.unlink(missing_ok=True)
    store.get_file(row.uri, path.absolute(), sha256=row.sha256, size_bytes=row.size_bytes)
    emit({"path": str(path), "sha256": row.sha256, "bytes": row.size_bytes}, as_json, [f"{path}"])


def described(row: Any, *, with_histogram: bool = True) -> dict[str, Any]:
    """Return an artifact as plain values."""
    statistics = row.statistics
    if statistics is not None and not with_histogram:
        statistics = {name: value for name, value in statistics.items() if name != "histogram"}
    return {
        "id": row.id,
        "capture_id": row.capture_id,
        "kind": row.kind,
        "outcome": row.outcome,
        "uri": row.uri,
        "sha256": row.sha256,
        "bytes": row.size_bytes,
        "crs": row.crs,
        "transform": row.transform,
        "shape": [row.height, row.width],
        "bands": row.bands,
        "parameters": row.parameters,
        "algorithm_version": row.algorithm_version,
        "created_at": row.created_at,
        "statistics": statistics,
    }
