"""``earthgazer captures``: what was acquired."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option, table
from earthgazer_core.errors import InvalidInputError


@click.group()
def captures() -> None:
    """Captures: discover, add, list, show."""


@captures.command()
@click.option("--location", "location_ids", type=int, multiple=True, help="Only this location; repeatable.")
@click.option("--mission", "mission_filter", help="Only this mission.")
@click.option("--wait", is_flag=True, help="Wait for the end and print the new captures.")
@json_option
@click.pass_obj
def discover(
    context: CliContext, location_ids: tuple[int, ...], mission_filter: str | None, wait: bool, as_json: bool
) -> int:
    """Ask the catalogue for new captures of the watched places."""
    from earthgazer_core.cli.waiting import report
    from earthgazer_core.db.repositories import locations
    from earthgazer_core.workflows import discover_workflow

    with context.session() as session:
        locations.find(session, ids=location_ids or None)
    with context.publishing():
        result = discover_workflow(location_ids or None, mission_filter)
    return report(context, result, wait=wait, as_json=as_json)


@captures.command()
@click.option("--mission", required=True, help="SENTINEL-2A, LANDSAT_8, …, in any case.")
@click.option("--sensing-time", required=True, help="ISO 8601; UTC unless it says otherwise.")
@click.option("--band", "bands", multiple=True, required=True, help="NAME=PATH, repeatable: B04=…, SCL=…")
@click.option("--product-id", help="The provider's identity; made of the files if unset.")
@click.option("--baseline", help="Sentinel-2 processing baseline, NN.NN; read from the product id if unset.")
@click.option("--level", type=click.Choice(["L2A", "L1C", "L2SP", "L1TP"], case_sensitive=False))
@click.option(
    "--mask", type=click.Choice(["auto", "none"]), default="auto", help="none: SCL and QA_PIXEL are left out."
)
@json_option
@click.pass_obj
def add(
    context: CliContext, mission: str, sensing_time: str, bands: tuple[str, ...], product_id: str | None,
    baseline: str | None, level: str | None, mask: str, as_json: bool,
) -> None:  # fmt: skip
    """Take up files on disk as a capture; they stay where they are."""
    from earthgazer_core.db.repositories import captures as known
    from earthgazer_core.tasks.files import capture_of_files

    capture = capture_of_files(
        mission, _moment(sensing_time), _bands(bands),
        product_id=product_id, baseline=baseline, level=level, mask_policy=mask,
    )  # fmt: skip
    with context.session() as session:
        row = known.add(session, capture)
    emit(
        {"id": row.id, "product_id": row.product_id, "bbox": _bbox(row)},
        as_json,
        [f"capture {row.id}: {row.mission} {row.product_id}"],
    )


@captures.command("list")
@click.option("--location", "location_id", type=int)
@click.option("--mission")
@click.option("--limit", type=click.IntRange(min=1))
@json_option
@click.pass_obj
def list_(
    context: CliContext, location_id: int | None, mission: str | None, limit: int | None, as_json: bool
) -> None:
    """List captures, newest acquisition first."""
    from earthgazer_core.db.repositories import artifacts, locations
    from earthgazer_core.db.repositories import captures as known
    from earthgazer_core.domain.mission import mission as mission_named

    wanted = mission_named(mission).name if mission else None
    with context.session() as session:
        if location_id is not None:
            locations.get(session, location_id)
        rows = known.find(session, location_id=location_id, mission=wanted, limit=limit)
        made = artifacts.find(session, capture_ids=[row.id for row in rows])
    kinds: dict[int, list[str]] = {}
    for artifact in made:
        if artifact.kind not in kinds.setdefault(artifact.capture_id, []):
            kinds[artifact.capture_id].append(artifact.kind)
    data = [_described(row, kinds.get(row.id, [])) for row in rows]
    columns = ("id", "mission", "sensing_time", "cloud_cover_percent", "stages", "product_id")
    lines = table(
        ("id", "mission", "sensed", "cloud %", "stages", "product"),
        ([",".join(one[name]) if name == "stages" else one[name] for name in columns] for one in data),
    )
    emit(data, as_json, lines)


@captures.command()
@click.argument("capture_id", type=int)
@json_option
@click.pass_obj
def show(context: CliContext, capture_id: int, as_json: bool) -> None:
    """Show a capture with its files and artifacts."""
    from earthgazer_core.cli.artifacts import described as artifact_described
    from earthgazer_core.db.repositories import artifacts
    from earthgazer_core.db.repositories import captures as known

    with context.session() as session:
        row = known.get(session, capture_id)
        made = artifacts.find(session, capture_ids=[capture_id])
        places = known.location_ids(session, capture_id)
    data = {
        **_described(row, list(dict.fromkeys(artifact.kind for artifact in made))),
        "level": row.level,
        "collection": row.collection,
        "locations": places,
        "mgrs_tile": row.mgrs_tile,
        "wrs_path": row.wrs_path,
        "wrs_row": row.wrs_row,
        "offset_already_applied": row.offset_already_applied,
        "mask_policy": row.mask_policy,
        "metadata": row.metadata_,
        "superseded_by": row.superseded_by,
        "assets": [
            {
                "band": asset.band,
                "href": _without_login(asset.href),
                "sha256": asset.sha256 or asset.promised_sha256,
                "bytes": asset.size_bytes or asset.promised_size_bytes,
                "backup": asset.backup_uri,
            }
            for asset in row.assets
        ],
        "artifacts": [artifact_described(artifact, with_histogram=False) for artifact in made],
    }
    lines = [f"{name}: {value}" for name, value in data.items() if name not in ("assets", "artifacts")]
    lines += [
        "",
        *table(("band", "bytes", "href"), ([a["band"], a["bytes"], a["href"]] for a in data["assets"])),
    ]
    columns = ("id", "kind", "outcome", "uri")
    lines += ["", *table(columns, ([one[column] for column in columns] for one in data["artifacts"]))]
    emit(data, as_json, lines)


def _described(row: Any, kinds: list[str]) -> dict[str, Any]:
    stages = ["discovered"]
    stages += ["backed_up"] if row.backed_up_at else []
    stages += ["downloaded"] if row.downloaded_at else []
    return {
        "id": row.id,
        "mission": row.mission,
        "product_id": row.product_id,
        "sensing_time": row.sensing_time,
        "cloud_cover_percent": row.cloud_cover_percent,
        "processing_baseline": row.processing_baseline,
        "bbox": _bbox(row),
        "source": row.source,
        "is_simulated": row.is_simulated,
        "stages": [*stages, *sorted(kinds)],
    }


def _bbox(row: Any) -> list[float] | None:
    return [row.west, row.south, row.east, row.north] if row.west is not None else None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"sensing time {text!r}: expected ISO 8601, as in 2020-02-19T11:33:21Z"
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bands(pairs: tuple[str, ...]) -> list[tuple[str, Path]]:
    bands = []
    for pair in pairs:
        name, separator, path = pair.partition("=")
        if not separator or not name or not path:
            raise InvalidInputError(f"--band {pair!r}: expected NAME=PATH, as in B04=/data/B04.tif")
        bands.append((name, Path(path)))
    return bands


def _without_login(href: str) -> str:
    from earthgazer_core.web import shown

    return href if href.startswith("file:") else shown(href)
