"""``earthgazer locations``: watched places."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import click

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import emit, json_option, table
from earthgazer_core.domain.bbox import BBox

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def locations() -> None:
    """Watched places: add, list, show, update, remove."""


@locations.command()
@click.option("--name", required=True)
@click.option("--bbox", required=True, help="W,S,E,N in degrees; write --bbox=… where W is negative.")
@click.option("--from", "from_date", type=_DAY, help="First day that matters, YYYY-MM-DD.")
@click.option("--to", "to_date", type=_DAY, help="Last day that matters.")
@click.option("--inactive", is_flag=True, help="Leave it out of what is discovered by schedule.")
@json_option
@click.pass_obj
def add(
    context: CliContext, name: str, bbox: str, from_date: datetime | None, to_date: datetime | None,
    inactive: bool, as_json: bool,
) -> None:  # fmt: skip
    """Watch a place; known captures that show it belong to it at once."""
    from earthgazer_core.db.repositories import locations as places

    with context.session() as session:
        row = places.add(
            session, name=name, bbox=BBox.parse(bbox), from_date=_day(from_date), to_date=_day(to_date)
        )
        row.active = not inactive
    emit({"id": row.id}, as_json, [f"location {row.id}: {row.name}"])


@locations.command("list")
@json_option
@click.pass_obj
def list_(context: CliContext, as_json: bool) -> None:
    """List all places."""
    from earthgazer_core.db.repositories import locations as places

    with context.session() as session:
        rows = [described(row) for row in places.find(session)]
    columns = ("id", "name", "bbox", "from", "to", "active")
    emit(rows, as_json, table(columns, ([row[column] for column in columns] for row in rows)))


@locations.command()
@click.argument("location_id", type=int)
@json_option
@click.pass_obj
def show(context: CliContext, location_id: int, as_json: bool) -> None:
    """Show a place with its newest time series."""
    from earthgazer_core.db.repositories import captures, time_series
    from earthgazer_core.db.repositories import locations as places

    with context.session() as session:
        row = places.get(session, location_id)
        data = described(row)
        data["captures"] = len(captures.find(session, location_id=location_id))
        series = time_series.newest(session, location_id)
        data["series"] = (
            {"index": series.index, "points": series.points, "trend": series.trend}
            if series is not None
            else None
        )
    lines = [f"{name}: {value}" for name, value in data.items() if name != "series"]
    if data["series"]:
        points = data["series"]["points"]
        lines += table(
            ("sensed", "mean", "valid %", "gap"),
            (
                [point["sensing_time"], point["mean"], point["valid_percent"], point["gap"]]
                for point in points
            ),
        )
        lines.append(f"trend: {data['series']['trend']}")
    emit(data, as_json, lines)


@locations.command()
@click.argument("location_id", type=int)
@click.option("--name")
@click.option("--bbox", help="W,S,E,N in degrees.")
@click.option("--from", "from_date", type=_DAY)
@click.option("--to", "to_date", type=_DAY)
@click.option("--active/--inactive", default=None, help="Whether it is discovered by schedule.")
@json_option
@click.pass_obj
def update(
    context: CliContext, location_id: int, name: str | None, bbox: str | None, from_date: datetime | None,
    to_date: datetime | None, active: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Change what is given of a place."""
    from earthgazer_core.db.repositories import locations as places

    with context.session() as session:
        row = places.update(
            session, location_id, name=name, bbox=BBox.parse(bbox) if bbox else None,
            from_date=_day(from_date), to_date=_day(to_date), active=active,
        )  # fmt: skip
        data = described(row)
    emit(data, as_json, [f"location {location_id} changed"])


@locations.command()
@click.argument("location_id", type=int)
@json_option
@click.pass_obj
def remove(context: CliContext, location_id: int, as_json: bool) -> None:
    """Stop watching a place and forget its series; its captures stay."""
    from earthgazer_core.db.repositories import locations as places

    with context.session() as session:
        places.remove(session, location_id)
    emit({"id": location_id}, as_json, [f"location {location_id} removed"])


def described(row: Any) -> dict[str, Any]:
    """Return a location as plain values."""
    return {
        "id": row.id,
        "name": row.name,
        "bbox": [row.west, row.south, row.east, row.north],
        "from": row.from_date,
        "to": row.to_date,
        "active": row.active,
        "last_discovered_at": row.last_discovered_at,
    }


def _day(value: datetime | None) -> date | None:
    return value.date() if value is not None else None
