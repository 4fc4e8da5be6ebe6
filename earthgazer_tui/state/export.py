"""Rows as CSV and JSON, and the file that they go to."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

FORMATS = ("csv", "json")
"""What a file's name may end in."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters by which a spreadsheet takes a text for a formula, and runs it."""


def record(row: object) -> Any:
    """Return a row as values that JSON knows: times in ISO 8601, spans in seconds."""
    if is_dataclass(row) and not isinstance(row, type):
        return {field.name: record(getattr(row, field.name)) for field in fields(row)}
    if isinstance(row, Enum):
        return record(row.value)
    if isinstance(row, date):
        return row.isoformat()
    if isinstance(row, timedelta):
        return row.total_seconds()
    if isinstance(row, Mapping):
        return {str(key): record(value) for key, value in row.items()}
    if isinstance(row, (list, tuple, set, frozenset)):
        return [record(value) for value in row]
    return row if row is None or isinstance(row, (bool, int, float, str)) else str(row)


def as_json(rows: Iterable[object]) -> str:
    """Return rows as one JSON document."""
    return json.dumps([record(row) for row in rows], ensure_ascii=False, indent=1) + "\n"


def as_csv(rows: Iterable[object]) -> str:
    """Return rows as CSV with a line of names; what is within a value is named ``run.p95``, lists are JSON.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    flat = [dict(_flat(record(row))) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_harmless(name) for name in names])
    writer.writerows([[_harmless(row.get(name)) for name in names] for row in flat])
    return text.getvalue()


def write_export(path: Path, rows: Sequence[object], *, may_replace: bool = False) -> None:
    """Write rows to a file, whole or not at all.

    Args:
        path: The file; the end of its name says which format.
        rows: The rows.
        may_replace: Whether a file that is there already is written anew.

    Raises:
        FileExistsError: it is there and must stay.
        OSError: it can't be written.
    """
    text = as_json(rows) if path.suffix.lower() == ".json" else as_csv(rows)
    if not may_replace:
        # Made anew by this call or not at all, however many write to that name.
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        return
    mode = path.stat().st_mode & 0o777
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _flat(value: object, prefix: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix or "value", json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
