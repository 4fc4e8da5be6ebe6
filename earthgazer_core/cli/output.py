"""What the command line prints: one JSON document, or lines for people; never text of others unescaped."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import click
import orjson

from earthgazer_core.cli.text import json_ascii, json_safe, printable
from earthgazer_core.errors import EarthGazerError, InvalidInputError, TransientError

DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
"""Exit codes."""

_WANTS_JSON = f"{__name__}.wants_json"

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Give a command the option ``--json``, passed on as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


class ErrorReportingGroup(click.Group):
    """A group whose commands' errors become one line, one document with ``--json``, and an exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether a document is wanted, which an error has to know before the command does."""
        ctx.meta.setdefault(_WANTS_JSON, "--json" in args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command of the group; the number that it returns is the exit code."""
        try:
            code = super().invoke(ctx)
        except EarthGazerError as error:
            if ctx.meta[_WANTS_JSON]:
                emit_json({"error": str(error), "type": type(error).__name__})
            note(f"earthgazer: {error}")
            code = exit_code(error)
        if isinstance(code, int) and code != DONE:
            ctx.exit(code)


def emit_json(data: Any) -> None:
    """Print the data as the one JSON document of this command."""
    document = json_safe(_dumps(data))
    click.echo(document if _speaks_utf8() else json_ascii(document))


def emit(data: Any, as_json: bool, lines: Iterable[str] = ()) -> None:
    """Print the data as one JSON document, or else the lines, which may hold text of others."""
    if as_json:
        emit_json(data)
    else:
        for line in lines:
            click.echo(printable(line))


def note(message: object) -> None:
    """Tell a person something that is not the answer."""
    click.echo(printable(message), err=True)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    cells = [[printable(cell) for cell in row] for row in cells]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def exit_code(error: EarthGazerError) -> int:
    """Return the exit code that an error means."""
    if isinstance(error, TransientError):
        return UNREACHABLE
    return USAGE if isinstance(error, InvalidInputError) else FAILED


def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"


def _dumps(data: Any) -> str:
    try:
        return orjson.dumps(data, option=orjson.OPT_INDENT_2, default=str).decode()
    except TypeError:
        # Numbers beyond 64 bits, lone surrogates and great depths, which others may have sent.
        return json.dumps(data, indent=2, default=str)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
