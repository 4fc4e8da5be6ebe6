"""All keys of the console: where they mean something, and as the operator's file has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from textual.binding import Binding

from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.screens.modes import load_screens
from earthgazer_tui.state.keymap import FILE_NAME, Keymap, Place, read_keymap
from earthgazer_tui.widgets.line_table import LineTable

FIXED = {"app.interrupt": "ctrl+c", "app.repaint": "ctrl+l"}
"""Keys that stay what they are."""


def console_keymap(directory: Path) -> Keymap:
    """Return the keys that a directory's file asks for; blocks, and imports all screens where there is one.

    Args:
        directory: Where the operator's own files are.
    """
    path = directory / FILE_NAME
    return read_keymap(path, _places()) if path.exists() else Keymap({})


def keys_as_toml(directory: Path) -> str:
    """Return all commands with the keys in force, as a file of keys is written; what is wrong with it first.

    Args:
        directory: Where the operator's own files are.
    """
    keymap = console_keymap(directory)
    lines = [f"# {directory / FILE_NAME}", *(f"# ! {complaint}" for complaint in keymap.complaints), "[keys]"]
    for name, (keys, help_text) in sorted(_all_keys().items()):
        in_force = keymap.keys.get(name, keys).split(",")
        value = json.dumps(in_force[0] if len(in_force) == 1 else in_force)
        lines.append(f"{json.dumps(name)} = {value}  # {help_text}")
    return "\n".join(lines)


def _places() -> list[Place]:
    load_screens()
    table = {binding.id: binding.key for binding in _table_bindings() if binding.id}
    return [
        Place(
            screen.__name__.removesuffix("Screen"),
            {
                **{command.id: command.key for command in screen.command_classes() if command.key},
                **table,
                **FIXED,
            },
        )
        for screen in _screens(FleetScreen)
    ]


def _all_keys() -> dict[str, tuple[str, str]]:
    """Return keys and help by the ids of commands."""
    load_screens()
    found = {one.id: (one.key, one.tooltip) for one in _table_bindings() if one.id}
    for screen in _screens(FleetScreen):
        found |= {one.id: (one.key, one.help()) for one in screen.command_classes() if one.key}
    return found


def _table_bindings() -> list[Binding]:
    return [binding for binding in LineTable.BINDINGS if isinstance(binding, Binding)]


def _screens(base: type[FleetScreen]) -> Iterator[type[FleetScreen]]:
    for screen in base.__subclasses__():
        yield screen
        yield from _screens(screen)
