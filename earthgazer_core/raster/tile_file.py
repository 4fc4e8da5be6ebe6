"""A TIFF file that is written tile by tile, already compressed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from earthgazer_core.raster.tiff import HEADER_BYTES, Entry, head_and_directory


class UnwrittenError(Exception):
    """A file could not be written; the cause says why."""


class TileFile:
    """Takes the tiles of one image in any order; its directory is written when it is closed.

    Args:
        path: File to write.
        entries: Tags of the image.
        tiles: Number of its tiles.

    Raises:
        OSError: it can't be made.
        UnwrittenError: the disk is full.
    """

    def __init__(self, path: Path, entries: Mapping[int, Entry], tiles: int) -> None:
        self._entries = entries
        self._offsets, self._lengths = [0] * tiles, [0] * tiles
        self._file = path.open("wb", buffering=0)
        self._write(bytes(HEADER_BYTES))
        self._end = HEADER_BYTES

    def put(self, number: int, tile: bytes) -> None:
        """Write a tile.

        Raises:
            UnwrittenError: the disk is full.
        """
        self._write(tile)
        self._offsets[number], self._lengths[number] = self._end, len(tile)
        self._end += len(tile)

    def finish(self) -> None:
        """Write the directory.

        Raises:
            UnwrittenError: the disk is full.
        """
        head, directory = head_and_directory(self._entries, self._offsets, self._lengths, self._end)
        self._write(directory)
        self._file.seek(0)
        self._write(head)

    def close(self) -> None:
        """Close the file, finished or not."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise UnwrittenError from error
