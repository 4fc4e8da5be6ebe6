"""Figures as a table for people and a document for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from tests.benchmarks.figure import Figure

_PACKAGES = ("textual", "celery", "kombu", "redis", "rasterio", "numpy", "sqlalchemy")
_HEADER = ("figure", "measured", "budget", "against", "ratio", "")


def table(figures: Iterable[Figure]) -> str:
    """Return a Markdown table, those that miss their budget on top."""
    rows = [_HEADER, ("---",) * len(_HEADER)]
    rows += [_row(figure) for figure in sorted(figures, key=lambda figure: figure.is_met is not False)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADER))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def document(measured: dict[str, Sequence[Figure]], failures: dict[str, str]) -> dict[str, Any]:
    """Return everything that was measured, where and with what."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version(),
        },
        "packages": {name: version(name) for name in _PACKAGES},
        "figures": {
            name: [{**asdict(figure), "ratio": figure.ratio, "is_met": figure.is_met} for figure in figures]
            for name, figures in measured.items()
        },
        "failures": failures,
    }  # fmt: skip


def _row(figure: Figure) -> tuple[str, ...]:
    verdict = {True: "ok", False: "MISSED", None: ""}[figure.is_met]
    sign = "≤" if figure.bound == "at most" else "≥"
    budget = "" if figure.budget is None else f"{sign} {_number(figure.budget)} {figure.unit}"
    peer = "" if figure.peer_value is None else f"{figure.peer}: {_number(figure.peer_value)} {figure.unit}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.3g} ×"
    name = f"{figure.name} ({figure.note})" if figure.note else figure.name
    return name, f"{_number(figure.value)} {figure.unit}".strip(), budget, peer, ratio, verdict


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
