"""How the rows of a table come into a file: name, question, writing, and what became of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textual.screen import Screen

from earthgazer_tui.commands.question import Prompt, Question
from earthgazer_tui.screens.confirm import Confirm
from earthgazer_tui.screens.prompt import PromptDialog
from earthgazer_tui.state.export import FORMATS, write_export
from earthgazer_tui.wording import counted

MODELS = "earthgazer_tui.fleet.models"


def exported(row: object) -> object:
    """Return what of a row is exported: of one that only dresses a model for its table, the model."""
    if type(row).__module__.startswith(MODELS) or not is_dataclass(row):
        return row
    values = [getattr(row, field.name) for field in fields(row)]
    models = [value for value in values if is_dataclass(value) and type(value).__module__.startswith(MODELS)]
    return models[0] if len(models) == 1 else row


async def export_rows(screen: Screen[Any], rows: Sequence[object], name: str, argument: str = "") -> None:
    """Write rows to a file that the operator names; must run in a worker.

    Args:
        screen: Where it was asked for.
        rows: The rows.
        name: What they are, for the file's name.
        argument: ``csv`` or ``json``, or the file itself, which is then not asked for.
    """
    if not rows:
        screen.notify("There is no row to export.", title="Export", severity="warning", markup=False)
        return
    typed = argument if argument and argument not in FORMATS else None
    if typed is None:
        directory = await asyncio.to_thread(_directory)
        stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        typed = await screen.app.push_screen_wait(
            PromptDialog(
                Prompt(
                    title=f"Export {counted(len(rows), 'row')} to which file?",
                    lines=(),
                    value=str(directory / f"earthgazer-{name}-{stamp}.{argument or FORMATS[0]}"),
                    hint="ends in .csv or .json",
                    check=_complaint,
                )
            )
        )
    complaint = "" if typed is None else _complaint(typed)
    if complaint:
        screen.notify(complaint, title="Export", severity="warning", markup=False)
    elif typed is not None:
        await _write(screen, Path(typed.strip()), [exported(row) for row in rows])


async def _write(screen: Screen[Any], path: Path, rows: Sequence[object]) -> None:
    try:
        path = await asyncio.to_thread(lambda: path.expanduser().absolute())
        try:
            await asyncio.to_thread(write_export, path, rows)
        except FileExistsError:
            question = Question(
                f"Write {path.name} anew?", (str(path),), note="What is in it now is lost.", yes="Replace"
            )
            if not await screen.app.push_screen_wait(Confirm(question)):
                return
            await asyncio.to_thread(write_export, path, rows, may_replace=True)
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        screen.notify(f"{path}: {reason}", title="Export", severity="error", timeout=8, markup=False)
    else:
        screen.notify(f"{counted(len(rows), 'row')} in {path}", title="Export", markup=False)


def _directory() -> Path:
    """Return the working directory, or the home directory where that can't be written to."""
    here = Path.cwd()
    return here if os.access(here, os.W_OK) else Path.home()


def _complaint(typed: str) -> str:
    """Return what is wrong with a file's name; empty where it will do."""
    is_known = Path(typed.strip()).suffix.lower().removeprefix(".") in FORMATS
    return "" if is_known else "the name must end in .csv or .json"
