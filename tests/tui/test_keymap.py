from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_tui.app import ConsoleApp
from earthgazer_tui.key_names import is_printable, key_name, key_of
from earthgazer_tui.screens.keys import console_keymap, keys_as_toml
from earthgazer_tui.state.config_directory import config_directory
from earthgazer_tui.state.keymap import Place, check_keymap, read_keymap
from tests.tui import builders as make
from tests.tui.console import press, settle, shown, until
from tests.tui.scripted_fleet import ScriptedFleet

PLACES = [
    Place("Failed", {"task.retry": "R", "task.dismiss": "D", "view.copy": "y", "app.interrupt": "ctrl+c"}),
    Place("Workers", {"worker.stop": "X", "view.copy": "y", "app.interrupt": "ctrl+c"}),
]


def written(directory: Path, text: str) -> Path:
    path = directory / "keys.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("R", "R"),
        ("?", "question_mark"),
        ("+", "plus"),
        ("/", "slash"),
        (",", "comma"),
        ("f5", "f5"),
        ("F5", "f5"),
        ("ctrl+R", "ctrl+r"),
        ("shift+r", "R"),
        ("shift+tab", "shift+tab"),
        ("pageup", "pageup"),
        ("question_mark", "question_mark"),
        ("slash", "slash"),
        ("", None),
        (" ", None),
        ("hyper+x", None),
        ("retry", None),
        ("ctrl+", None),
    ],
)
def test_keys_are_known_by_their_character_and_by_their_name(name: str, key: str | None) -> None:
    assert key_of(name) == key


@given(st.text(max_size=12))
def test_any_text_is_a_key_or_none(name: str) -> None:
    key = key_of(name)
    if key is not None:
        assert key_name(key)
        assert key_of(key) == key


def test_what_types_a_character_is_told_from_what_does_not() -> None:
    assert [key for key in ("R", "slash", "plus", "space", "f5", "ctrl+r", "up") if is_printable(key)] == [
        "R", "slash", "plus", "space",
    ]  # fmt: skip


def test_keys_are_read_with_quoted_ids_or_as_tables(tmp_path: Path) -> None:
    path = written(tmp_path, '[keys]\n"task.retry" = "r"\nview.copy = ["c", "ctrl+y"]\n')
    keymap = read_keymap(path, PLACES)
    assert keymap.keys == {"task.retry": "r", "view.copy": "c,ctrl+y"}
    assert keymap.complaints == ()


def test_two_commands_can_swap_their_keys() -> None:
    keymap = check_keymap({"task.retry": "D", "task.dismiss": "R"}, PLACES, file_name="keys.toml")
    assert keymap.keys == {"task.retry": "D", "task.dismiss": "R"}
    assert not keymap.complaints


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[keys", "keys.toml can't be read"),
        ("keys = 3", "[keys] is no table"),
        ("[key]\n", "unknown table [key]"),
        ('[keys]\n"task.retyr" = "r"', "no command 'task.retyr'; did you mean task.retry?"),
        ('[keys]\n"task.retry" = "rr"', "task.retry: there is no key 'rr'"),
        ('[keys]\n"task.retry" = 7', "task.retry: expected a key such as"),
        ('[keys]\n"task.retry" = []', "task.retry: expected a key such as"),
        ('[keys]\n"task.retry" = "y"', "task.retry: y is view.copy on Failed; left as it was"),
        ('[keys]\n"view.copy" = "X"', "view.copy: X is worker.stop on Workers; left as it was"),
        ('[keys]\n"view.copy" = "ctrl+c"', "view.copy: ^c is app.interrupt on Failed"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_and_the_rest_applies(
    tmp_path: Path, text: str, complaint: str
) -> None:
    good = "" if "keys]" not in text else '\n"task.dismiss" = "d"'
    keymap = read_keymap(written(tmp_path, text + good), PLACES)
    assert len(keymap.complaints) == 1
    assert complaint in keymap.complaints[0]
    assert "\n" not in keymap.complaints[0]
    assert keymap.keys == ({"task.dismiss": "d"} if good else {})


def test_of_two_commands_asked_for_on_one_key_the_first_gets_it() -> None:
    keymap = check_keymap({"task.retry": "r", "task.dismiss": "r"}, PLACES, file_name="keys.toml")
    assert keymap.keys == {"task.retry": "r"}
    assert "r is task.retry on Failed" in keymap.complaints[0]


def test_without_a_file_nothing_is_asked_for(tmp_path: Path) -> None:
    assert console_keymap(tmp_path).keys == {}


def test_all_keys_are_printed_as_a_file_that_changes_nothing(tmp_path: Path) -> None:
    text = keys_as_toml(tmp_path)
    assert str(tmp_path / "keys.toml") in text
    assert tomllib.loads(text)["keys"]["task.retry"] == "R"
    written(tmp_path, text)
    keymap = console_keymap(tmp_path)
    assert keymap.complaints == ()
    assert keys_as_toml(tmp_path) == text


def test_the_directory_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHGAZER_CONFIG", str(tmp_path))
    assert config_directory() == tmp_path
    monkeypatch.delenv("EARTHGAZER_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_directory() == tmp_path / "earthgazer"


async def test_keys_in_force_are_what_works_and_what_is_shown(fleet: ScriptedFleet, tmp_path: Path) -> None:
    written(tmp_path, '[keys]\n"task.retry" = "r"\n"mode.failed" = "f5"\n"task.nosuch" = "x"\n')
    fleet.failed_rows = [make.a_failure("t-1")]
    app = ConsoleApp(lambda: fleet, refresh_s=0.05, config_directory=tmp_path)
    async with app.run_test(size=(100, 50), notifications=True) as pilot:
        await until(pilot, lambda: "no command 'task.nosuch'" in shown(pilot))
        await settle(pilot)
        assert "f5 Fail" in shown(pilot).splitlines()[1]
        await press(pilot, "5")
        assert app.current_mode == "overview"
        await press(pilot, "f5", "R")
        assert fleet.calls == []
        assert "r Retry" in shown(pilot).splitlines()[-1]
        await press(pilot, "question_mark")
        assert "r            Retry the marked" in shown(pilot)
        assert "R  " not in shown(pilot)
        await press(pilot, "escape", "ctrl+p")
        await pilot.press(*"retry")
        await until(pilot, lambda: "r · Retry" in shown(pilot))
        await press(pilot, "escape", "r", "y")
        assert [call[0] for call in fleet.calls] == ["retry"]
