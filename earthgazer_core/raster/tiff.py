"""Laying the tiles of finished TIFF files out anew as one cloud-optimised file, without decoding them."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

_SUBFILE_TYPE, _TILE_OFFSETS, _TILE_LENGTHS = 254, 324, 325
_OF_THE_WHOLE_FILE = frozenset({305, 33550, 33922, 34264, 34735, 34736, 34737, 42112})
"""Tags that overviews do without: software, georeference, GDAL's metadata."""
_SHORT, _LONG, _LONG8 = 3, 4, 16
_TYPE_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_TYPE_CODES = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}
_GHOST_BODY = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_GHOST = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_GHOST_BODY) + _GHOST_BODY
"""By this GDAL knows the layout, and reads a tile in one go (gdal.org/drivers/raster/cog.html)."""
_LEADER_BYTES = _TRAILER_BYTES = 4
_AHEAD = 16
"""Tiles that may be written and not hashed yet."""
HEADER_BYTES = 16
"""Enough for the header of either form."""
_CLASSIC_LIMIT = (1 << 32) - (1 << 20)
"""Beyond this offsets don't fit into 32 bits; what is before the tiles is far below the difference."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How a TIFF is written: classic, or with offsets of 64 bits."""

    header: str
    count: str
    entry: str
    offset: str

    @property
    def inline_bytes(self) -> int:
        return struct.calcsize(f"<{self.offset}")


_CLASSIC = _Form("2sHI", "H", "HHI", "I")
_BIG = _Form("2sHHHQ", "Q", "HHQ", "Q")


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of one tag."""

    kind: int
    """TIFF's number of its type."""
    count: int
    """How many of that type it holds."""
    value: bytes
    """They, little-endian."""

    def numbers(self) -> tuple[int, ...]:
        """Return whole numbers."""
        return struct.unpack(f"<{self.count}{_TYPE_CODES[self.kind]}", self.value)


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a TIFF file, its tiles still in that file."""

    path: Path
    """The file."""
    entries: Mapping[int, Entry]
    """Its tags, but for where the tiles are."""
    offsets: tuple[int, ...]
    """Where each tile begins."""
    lengths: tuple[int, ...]
    """Bytes of each tile."""


def images(path: Path) -> list[Image]:
    """Return the images of a little-endian TIFF in the order of the file.

    Raises:
        OSError: a tile is missing or cut off: when the disk is full, closing a file tells nothing.
    """
    found = []
    size = path.stat().st_size
    with path.open("rb") as file:
        for entries in _directories(file):
            offsets, lengths = entries.pop(_TILE_OFFSETS).numbers(), entries.pop(_TILE_LENGTHS).numbers()
            for offset, length in zip(offsets, lengths, strict=True):
                if offset == 0 or length == 0 or offset + length > size:
                    raise _cut_off(path)
            found.append(Image(path, entries, offsets, lengths))
    return found


def described(raw: bytes) -> dict[int, Entry]:
    """Return the tags of the one image of a little-endian TIFF, but for where its tiles are."""
    (entries,) = _directories(io.BytesIO(raw))
    return {tag: entry for tag, entry in entries.items() if tag not in (_TILE_OFFSETS, _TILE_LENGTHS)}


def head_and_directory(
    entries: Mapping[int, Entry], offsets: Sequence[int], lengths: Sequence[int], end: int
) -> tuple[bytes, bytes]:
    """Return the header and the directory that make tiles in a file an image.

    Args:
        entries: Its other tags.
        offsets: Where each tile begins, all after :data:`HEADER_BYTES`.
        lengths: Bytes of each tile.
        end: Where the directory will stand; a byte that makes it even is part of it.
    """
    form = _form(end)
    padding = bytes(end % 2)
    image = _with_lengths(entries, lengths)
    directory = _directory(image, form, end + len(padding), offsets, is_last=True)
    return _header(form, end + len(padding)), padding + directory


def assemble(levels: Sequence[Image], out: Path) -> str:
    """Write images as one COG: directories first, then tiles from the coarsest overview to the finest.

    Args:
        levels: Full resolution, then overviews, each coarser than the one before.
        out: File to write.

    Returns:
        The hex sha256 of the file.

    Raises:
        OSError: the disk is full.
    """
    total = sum(sum(level.lengths) for level in levels)
    form = _form(total)
    tables = [_table(level, is_overview=place > 0) for place, level in enumerate(levels)]
    first = struct.calcsize(f"<{form.header}") + len(_GHOST)
    first += first % 2
    # Only the length of the directories decides where tiles begin, and that doesn't depend on offsets.
    data_at = first + sum(len(_directory(one, form, 0, (), is_last=False)) for one in tables)
    begins: dict[int, tuple[int, ...]] = {}
    at = data_at
    for place in reversed(range(len(levels))):
        ends = []
        for length in levels[place].lengths:
            ends.append(at + _LEADER_BYTES)
            at += _LEADER_BYTES + length + _TRAILER_BYTES
        begins[place] = tuple(ends)
    with out.open("wb", buffering=0) as raw, _Hashed(raw) as file:
        file.write((_header(form, first) + _GHOST).ljust(first, b"\0"))
        at = first
        for place, one in enumerate(tables):
            directory = _directory(one, form, at, begins[place], is_last=place == len(tables) - 1)
            file.write(directory)
            at += len(directory)
        for level in reversed(levels):
            _copy_tiles(level, file)
    return file.hexdigest()


class _Hashed:
    """Writes to a file, and hashes in a thread of its own what it wrote."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="hash")
        self._ahead: deque[Future[None]] = deque()

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) or 0 :]
        self._ahead.append(self._pool.submit(self._hash.update, data))
        while len(self._ahead) > _AHEAD:
            self._ahead.popleft().result()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True)


def _directories(file: BinaryIO) -> Iterator[dict[int, Entry]]:
    magic = _read(file, 16)
    form = _CLASSIC if magic[2] == 42 else _BIG
    at = struct.unpack_from("<I", magic, 4)[0] if form is _CLASSIC else struct.unpack_from("<Q", magic, 8)[0]
    while at:
        file.seek(at)
        (count,) = _numbers(file, form.count)
        table = [_row(file, form) for _ in range(count)]
        (at,) = _numbers(file, form.offset)
        yield {tag: _entry(file, form, kind, length, field) for tag, kind, length, field in table}


def _row(file: BinaryIO, form: _Form) -> tuple[int, int, int, bytes]:
    tag, kind, count = _numbers(file, form.entry)
    return tag, kind, count, _read(file, form.inline_bytes)


def _entry(file: BinaryIO, form: _Form, kind: int, count: int, field: bytes) -> Entry:
    size = count * _TYPE_BYTES[kind]
    if size > form.inline_bytes:
        file.seek(struct.unpack(f"<{form.offset}", field)[0])
        field = _read(file, size)
    return Entry(kind, count, field[:size])


def _numbers(file: BinaryIO, fields: str) -> tuple[int, ...]:
    return struct.unpack(f"<{fields}", _read(file, struct.calcsize(f"<{fields}")))


def _read(file: BinaryIO, size: int) -> bytes:
    raw = file.read(size)
    if len(raw) < size:
        raise _cut_off(Path(file.name))
    return raw


def _form(size: int) -> _Form:
    return _CLASSIC if size < _CLASSIC_LIMIT else _BIG


def _header(form: _Form, first: int) -> bytes:
    magic = (b"II", 42, first) if form is _CLASSIC else (b"II", 43, 8, 0, first)
    return struct.pack(f"<{form.header}", *magic)


def _table(level: Image, *, is_overview: bool) -> dict[int, Entry]:
    entries = dict(level.entries)
    if is_overview:
        entries = {tag: entry for tag, entry in entries.items() if tag not in _OF_THE_WHOLE_FILE}
        entries[_SUBFILE_TYPE] = Entry(_LONG, 1, struct.pack("<I", 1))
    return _with_lengths(entries, level.lengths)


def _with_lengths(entries: Mapping[int, Entry], lengths: Sequence[int]) -> dict[int, Entry]:
    packed = struct.pack(f"<{len(lengths)}I", *lengths)
    return {**entries, _TILE_LENGTHS: Entry(_LONG, len(lengths), packed)}


def _directory(
    entries: Mapping[int, Entry],
    form: _Form,
    at: int,
    offsets: Sequence[int],
    *,
    is_last: bool,
) -> bytes:
    """Return one directory and its values, as they stand at a place of the file."""
    places = offsets or (0,) * entries[_TILE_LENGTHS].count
    kind = _LONG if form is _CLASSIC else _LONG8
    where = Entry(kind, len(places), struct.pack(f"<{len(places)}{_TYPE_CODES[kind]}", *places))
    table, values = b"", b""
    tags = sorted({**entries, _TILE_OFFSETS: where}.items())
    head_bytes = struct.calcsize(f"<{form.count}") + len(tags) * (
        struct.calcsize(f"<{form.entry}") + form.inline_bytes
    ) + form.inline_bytes  # fmt: skip
    for tag, entry in tags:
        field = entry.value
        if len(field) > form.inline_bytes:
            # Words begin at even places, so that every value is padded to one.
            field = struct.pack(f"<{form.offset}", at + head_bytes + len(values))
            values += entry.value + bytes(-len(entry.value) % 8)
        table += struct.pack(f"<{form.entry}", tag, entry.kind, entry.count)
        table += field.ljust(form.inline_bytes, b"\0")
    padding = bytes(-(head_bytes + len(values)) % 2)
    following = 0 if is_last else at + head_bytes + len(values) + len(padding)
    head = struct.pack(f"<{form.count}", len(tags)) + table + struct.pack(f"<{form.offset}", following)
    return head + values + padding


def _copy_tiles(level: Image, out: _Hashed) -> None:
    with level.path.open("rb", buffering=0) as file:
        for offset, length in zip(level.offsets, level.lengths, strict=True):
            tile = os.pread(file.fileno(), length, offset)
            if len(tile) < length:
                raise _cut_off(level.path)
            out.write(b"".join((struct.pack("<I", length), tile, tile[-_TRAILER_BYTES:])))


def _cut_off(path: Path) -> OSError:
    return OSError(errno.ENOSPC, f"a tile of {path.name} is cut off")
