"""The files of a recording: numbered, compressed, the oldest given up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from earthgazer_core.errors import InvalidInputError, NotFoundError

_DIGITS = 6


def segment_path(recording: Path, number: int) -> Path:
    """Return the file of one segment: ``night.000001.egr`` is the first of ``night.egr``."""
    return recording.with_name(f"{recording.stem}.{number:0{_DIGITS}d}{recording.suffix}")


def segments_of(recording: Path) -> tuple[tuple[int, Path], ...]:
    """Return (number, file) of the segments there are, oldest first.

    Args:
        recording: Name that was given to ``earthgazer record``, or one segment's file.

    Raises:
        NotFoundError: there are none.
        InvalidInputError: the directory can't be read.
    """
    try:
        found = tuple(sorted(_numbered(recording)))
    except OSError as error:
        raise InvalidInputError(f"{recording.parent}: {error.strerror or error}") from error
    if found:
        return found
    if recording.is_file():
        return ((0, recording),)
    raise NotFoundError(f"no recording at {recording}: expected {segment_path(recording, 1).name} beside it")


def next_number(recording: Path) -> int:
    """Return the number of the next segment: recordings go on after those that are there."""
    return max((number for number, _ in _numbered(recording)), default=0) + 1


def _numbered(recording: Path) -> Iterator[tuple[int, Path]]:
    pattern = re.compile(
        rf"{re.escape(recording.stem)}\.(\d{{{_DIGITS}}}){re.escape(recording.suffix)}", re.ASCII
    )
    if not recording.parent.is_dir():
        return
    for path in recording.parent.iterdir():
        if found := pattern.fullmatch(path.name):
            yield int(found[1]), path
