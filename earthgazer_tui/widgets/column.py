"""Columns of a line table, and how they share its width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from textual.content import Content

Row = TypeVar("Row")

GAP = 1
"""Least cells between two columns."""
WIDE_GAP = 2
"""Cells between two columns where there is room for all of them."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: how its cell is made of a row, and how much room it needs."""

    key: str
    """Identifies it within its table."""
    title: str
    """What the header says."""
    width: int | None
    """Cells; None shares what the others leave."""
    render: Callable[[Row], Content | str]
    """Makes the cell; a ``str`` is shown as it is, never parsed as markup."""
    align: Literal["left", "right"] = "left"
    """Side of its cell that the text keeps to."""
    sort_key: Callable[[Row], Any] | None = None
    """Value to sort by; None where sorting by it makes no sense. Rows with the value None come last."""
    sort_descending: bool = False
    """Whether the greatest value comes first."""
    priority: int = 0
    """0 stays always; of the others the highest goes first where the table is narrow."""
    min_width: int = 8
    """Least room of a flexible column."""
    max_width: int | None = None
    """Most room of a flexible column; None takes all that is left."""

    @property
    def least(self) -> int:
        """Room without which the column is not shown."""
        return self.min_width if self.width is None else self.width


def lay_out(columns: Sequence[Column[Row]], width: int) -> tuple[tuple[tuple[Column[Row], int], ...], int]:
    """Return the columns that fit into ``width`` cells, each with its own width, and the gap between.

    Args:
        columns: All columns, in the order to show.
        width: Cells there are.

    Returns:
        (column, cells) in the same order, columns left out by priority until the rest fits; and the gap.
    """
    shown = list(columns)
    gap = WIDE_GAP if _needed(shown, WIDE_GAP) <= width else GAP
    while _needed(shown, gap) > width:
        droppable = [column for column in shown if column.priority > 0]
        if not droppable:
            break
        shown.remove(max(reversed(droppable), key=lambda column: column.priority))
    spare = max(0, width - _needed(shown, gap))
    widths = {column.key: column.least for column in shown}
    growing = [column for column in shown if column.width is None]
    while spare and growing:
        share, remainder = divmod(spare, len(growing))
        spare = 0
        for place, column in enumerate(list(growing)):
            grown = widths[column.key] + share + (1 if place < remainder else 0)
            if column.max_width is not None and grown >= column.max_width:
                spare += grown - column.max_width
                grown = column.max_width
                growing.remove(column)
            widths[column.key] = grown
    return tuple((column, widths[column.key]) for column in shown), gap


def _needed(columns: Sequence[Column[Row]], gap: int) -> int:
    """Return the least width at which all of these columns fit."""
    return sum(column.least for column in columns) + gap * max(0, len(columns) - 1)


def fit(cell: Content | str, width: int, align: Literal["left", "right"] = "left") -> Content:
    """Return a cell cut, or filled up, to exactly ``width`` cells on one line."""
    content = Content(cell) if isinstance(cell, str) else cell
    if "\n" in content.plain or "\t" in content.plain:
        content = Content(" ".join(content.plain.split()))
    content = content.truncate(width, ellipsis=True)
    spare = width - content.cell_length
    if spare <= 0:
        return content
    return content.pad_left(spare) if align == "right" else content.pad_right(spare)
