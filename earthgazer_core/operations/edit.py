"""Arguments of a task as text that a person edits, and what an edit changes. Reads and sends nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import unified_diff
from typing import Any, NoReturn

from earthgazer_core.errors import InvalidInputError

_EXPECTED = 'expected {"args": […], "kwargs": {…}}'


class ArgumentsError(InvalidInputError):
    """Text that names no arguments; knows the place."""

    def __init__(self, reason: str, text: str, line: int, column: int) -> None:
        super().__init__(f"{reason} (line {line}, column {column})")
        self.reason = reason
        """What is wrong."""
        self.line = line
        """Number of the line, from 1."""
        self.column = column
        """Number of the character in it, from 1."""
        lines = text.splitlines()
        self.text = lines[line - 1] if line <= len(lines) else ""
        """The line itself."""


def parse_arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Return (args, kwargs) of an edited text, ``{"args": […], "kwargs": {…}}``; either may be left out.

    Raises:
        ArgumentsError: it is no JSON, says something twice, or isn't of that form.
    """
    document = parse_json(text)
    if not isinstance(document, dict) or not set(document) <= {"args", "kwargs"}:
        raise _misplaced(_EXPECTED, text)
    args, kwargs = document.get("args", []), document.get("kwargs", {})
    if not isinstance(args, list):
        raise _misplaced('"args" has to be a list […]', text, '"args"')
    if not isinstance(kwargs, dict):
        raise _misplaced('"kwargs" has to be an object {…}', text, '"kwargs"')
    return args, kwargs


def parse_json(text: str) -> Any:
    """Return the value of a JSON text: strictly JSON, without NaN, and no name twice in one object.

    Raises:
        ArgumentsError: it isn't.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ArgumentsError(error.msg, text, error.lineno, error.colno) from None
    except _WrongWordError as error:
        raise _misplaced(str(error), text, error.word) from None
    except RecursionError:
        raise ArgumentsError("nested too deep", text, 1, 1) from None


def render_arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return arguments as text to edit; :func:`parse_arguments` reads it back."""
    return _pretty({"args": list(args), "kwargs": dict(kwargs)})


def difference(
    old: tuple[Sequence[Any], Mapping[str, Any]], new: tuple[Sequence[Any], Mapping[str, Any]]
) -> str:
    """Return what changes from one (args, kwargs) to another, as a unified diff; empty if nothing does."""
    lines = unified_diff(
        render_arguments(*old).splitlines(),
        render_arguments(*new).splitlines(),
        "recorded",
        "edited",
        lineterm="",
    )
    return "\n".join(lines)


class _WrongWordError(Exception):
    def __init__(self, reason: str, word: str) -> None:
        super().__init__(reason)
        self.word = word


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _WrongWordError(f"{name!r} is there twice", json.dumps(name, ensure_ascii=False))
        found[name] = value
    return found


def _no_constant(word: str) -> NoReturn:
    raise _WrongWordError(f"{word} is no JSON", word)


def _misplaced(reason: str, text: str, word: str = "") -> ArgumentsError:
    # Of a name that is there twice, the last one is the surplus one.
    at = max(text.rfind(word), 0) if word else 0
    before = text[:at]
    return ArgumentsError(reason, text, before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
