"""Which keys the operator chose for which commands, read from a file and checked against what there is."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from earthgazer_tui.key_names import key_name, key_of

FILE_NAME = "keys.toml"


@dataclass(frozen=True, slots=True)
class Keymap:
    """What was asked for that can be had, and what can't."""

    keys: Mapping[str, str]
    """Keys, with commas between, by the ids of commands."""
    complaints: tuple[str, ...] = ()
    """What is wrong, one line each; all else applies."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that keys mean something: one screen with its table."""

    name: str
    """Its name, for people."""
    keys: Mapping[str, str]
    """Keys by the ids of commands, as the console has them without a file."""


def read_keymap(path: Path, places: Sequence[Place]) -> Keymap:
    """Return the keys that a file asks for; a file that isn't there asks for none.

    Args:
        path: A TOML file with a table ``[keys]``: ``"task.retry" = "R"`` or a list of keys.
        places: Everywhere that keys mean something.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Keymap({})
    except (OSError, ValueError) as error:
        return Keymap({}, (f"{path.name} can't be read: {error}",))
    asked = tables.get("keys", {})
    others = sorted(set(tables) - {"keys"})
    complaints = [f"{path.name}: unknown table [{name}]; there is [keys]" for name in others]
    if not isinstance(asked, dict):
        return Keymap({}, (*complaints, f"{path.name}: [keys] is no table"))
    return check_keymap(dict(_flat(asked)), places, complaints=complaints, file_name=path.name)


def check_keymap(
    asked: Mapping[str, Any], places: Sequence[Place], *, complaints: Sequence[str] = (), file_name: str
) -> Keymap:
    """Return what of the keys asked for can be had.

    Args:
        asked: A key or a list of keys by the ids of commands.
        places: Everywhere that keys mean something.
        complaints: What is wrong already.
        file_name: For what is told.
    """
    told = [*complaints]
    known = {name for place in places for name in place.keys}
    keys: dict[str, str] = {}
    for name, value in asked.items():
        found = _keys(value)
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            told.append(f"{file_name}: no command {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
        elif isinstance(found, str):
            told.append(f"{file_name}: {name}: {found}")
        else:
            keys[name] = ",".join(found)
    while (clash := _clash(keys, places)) is not None:
        name, key, other, place = clash
        del keys[name]
        told.append(f"{file_name}: {name}: {key_name(key)} is {other} on {place}; left as it was")
    return Keymap(keys, tuple(told))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ids and values; an id written without quotes comes as a table within a table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _keys(value: object) -> tuple[str, ...] | str:
    """Return keys by Textual's names, or what is wrong with them."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return "expected a key such as 'R' or 'ctrl+r', or a list of keys"
    found = []
    for name in names:
        key = key_of(name)
        if key is None:
            return f"there is no key {name!r}; keys are 'R', '?', 'f5', 'ctrl+r', 'pageup' …"
        found.append(key)
    return tuple(found)


def _clash(keys: Mapping[str, str], places: Sequence[Place]) -> tuple[str, str, str, str] | None:
    """Return (id, key, the other id, place) of a key asked for that does something else; None without one."""
    for place in places:
        taken: dict[str, str] = {}
        # What stays as it was comes first, then what was asked for first: the later one gives way.
        rebound = [name for name in keys if name in place.keys]
        for name in [*(name for name in place.keys if name not in keys), *rebound]:
            for key in filter(None, keys.get(name, place.keys[name]).split(",")):
                if name in keys and taken.get(key, name) != name:
                    return name, key, taken[key], place.name
                taken.setdefault(key, name)
    return None
