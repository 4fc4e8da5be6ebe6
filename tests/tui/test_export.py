from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input

from earthgazer_tui.fleet.models import HistoryGroup, OperatorAction, TaskRow
from earthgazer_tui.screens.export import exported
from earthgazer_tui.screens.failed import FailedLine
from earthgazer_tui.state.export import FORMULA_STARTS, as_csv, as_json, write_export
from tests.tui import builders as make
from tests.tui.console import console, press, until, until_shown
from tests.tui.dev_console import busy_fleet
from tests.tui.scripted_fleet import ScriptedFleet


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    p95: float | None


@dataclass(frozen=True)
class Outer:
    name: str
    at: datetime
    took: timedelta
    colour: Colour
    run: Inner
    queues: tuple[str, ...]
    count: int = -3


ROW = Outer(
    "=cmd|' /C calc'!A0", datetime(2026, 11, 21, 12, tzinfo=UTC), timedelta(minutes=2), Colour.RED,
    Inner(1.5), ("io", "cpu"),
)  # fmt: skip


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_json_is_exact() -> None:
    assert json.loads(as_json([ROW])) == [
        {
            "name": "=cmd|' /C calc'!A0",
            "at": "2026-11-21T12:00:00+00:00",
            "took": 120.0,
            "colour": "red",
            "run": {"p95": 1.5},
            "queues": ["io", "cpu"],
            "count": -3,
        }
    ]


def test_csv_has_a_column_for_each_value_and_no_formula() -> None:
    assert read(as_csv([ROW])) == [
        {
            "name": "'=cmd|' /C calc'!A0",
            "at": "2026-11-21T12:00:00+00:00",
            "took": "120.0",
            "colour": "red",
            "run.p95": "1.5",
            "queues": '["io", "cpu"]',
            "count": "-3",
        }
    ]


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=12), max_size=3), max_size=4))
def test_no_cell_of_any_csv_begins_a_formula(rows: list[dict[str, str]]) -> None:
    for line in csv.reader(io.StringIO(as_csv(rows), newline="")):
        assert not [cell for cell in line if cell.startswith(FORMULA_STARTS)]


@given(st.lists(st.fixed_dictionaries({"a": st.text(), "b": st.text()}), max_size=4))
def test_json_gives_back_what_was_put_in(rows: list[dict[str, str]]) -> None:
    assert json.loads(as_json(rows)) == rows


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("mine")
    path.chmod(0o640)
    with pytest.raises(FileExistsError):
        write_export(path, [ROW])
    assert path.read_text() == "mine"
    write_export(path, [ROW], may_replace=True)
    assert read(path.read_text())[0]["count"] == "-3"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_row_that_dresses_a_model_is_exported_as_the_model() -> None:
    task = make.a_failure("t-1")
    assert exported(FailedLine(task, "12:00")) is task
    assert exported(task) is task


def test_what_a_list_of_tasks_shows_of_arguments_is_nothing() -> None:
    names = {name for model in (TaskRow, HistoryGroup, OperatorAction) for name in model.__slots__}
    assert not {name for name in names if "args" in name or "kwargs" in name or name == "body"}


async def name_file(pilot: Any, path: Path) -> None:
    await until_shown(pilot, "to which file?")
    pilot.app.screen.query_one(Input).value = str(path)
    await press(pilot, "enter")


@pytest.mark.parametrize("is_read_only", [False, True])
async def test_e_writes_the_marked_rows_and_asks_before_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_read_only: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "failed.json"
    async with console(busy_fleet(), is_read_only=is_read_only) as pilot:
        await press(pilot, "5", "space", "space", "e")
        await until_shown(pilot, "Export 2 rows to which file?")
        assert pilot.app.screen.query_one(Input).value.startswith(f"{tmp_path}/earthgazer-failed-")
        await name_file(pilot, tmp_path / "failed.txt")
        await until_shown(pilot, "the name must end in .csv or .json")
        await name_file(pilot, path)
        await until_shown(pilot, "2 rows in")
        assert [row["task_id"] for row in json.loads(path.read_text())] == ["t-bad-0", "t-bad-1"]
        await press(pilot, "space", "e")
        await name_file(pilot, path)
        await until_shown(pilot, "Write failed.json anew?")
        await press(pilot, "n")
        assert len(json.loads(path.read_text())) == 2
        await press(pilot, "e")
        await name_file(pilot, path)
        await until_shown(pilot, "Write failed.json anew?")
        await press(pilot, "y")
        await until(pilot, lambda: len(json.loads(path.read_text())) == 3)


async def test_a_file_that_cannot_be_written_is_told(fleet: ScriptedFleet, tmp_path: Path) -> None:
    async with console(fleet) as pilot:
        await press(pilot, "3", "e")
        await name_file(pilot, tmp_path / "no such directory" / "x.csv")
        await until_shown(pilot, "x.csv: No such file or")


async def test_there_is_nothing_to_export_of_an_empty_table(fleet: ScriptedFleet) -> None:
    async with console(fleet) as pilot:
        await press(pilot, "5", "e")
        await until_shown(pilot, "There is no row to export.")
