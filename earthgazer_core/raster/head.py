"""How much the head of an image file makes its reader take in, told before anything reads it whole.

GDAL takes descriptions, profiles and metadata into memory several times over, however long they are.
"""

from __future__ import annotations

import os
import struct
from typing import Final

from earthgazer_core.errors import RasterError

MAX_DIRECTORIES: Final = 1000
"""Images, overviews and masks that a TIFF may hold."""
MAX_TAG_BYTES: Final = 4 << 20
"""Bytes that a tag, or a box other than the one with the pixels, may have."""
MAX_INDEX_BYTES: Final = 32 << 20
"""Bytes that a list of where tiles or strips lie may have."""
_MAX_TAGS: Final = 4096
_INDICES: Final = frozenset({273, 279, 324, 325})
"""Offsets and lengths of strips and of tiles."""
_TYPE_BYTES: Final = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
}  # fmt: skip
_MAX_BOXES: Final = 10_000


def check_head(descriptor: int, path: str) -> None:
    """Refuse a TIFF or JPEG 2000 file whose head is larger than any image's.

    What is cut off or makes no sense passes: the decoder tells that better.

    Raises:
        RasterError: too many directories or boxes, or one that is too long.
    """
    start = os.pread(descriptor, 4, 0)
    try:
        if start[:2] in (b"II", b"MM"):
            _check_tiff(descriptor, "<" if start[:2] == b"II" else ">", path)
        elif start == b"\0\0\0\x0c":
            _check_jp2(descriptor, path)
    except struct.error:
        return


def _check_tiff(descriptor: int, order: str, path: str) -> None:
    is_big = _read(descriptor, f"{order}H", 2) == 43
    count_form, entry_form, offset_form = ("Q", "HHQ8x", "Q") if is_big else ("H", "HHI4x", "I")
    entry_bytes = struct.calcsize(f"{order}{entry_form}")
    offset = _read(descriptor, f"{order}{offset_form}", 8 if is_big else 4)
    for _ in range(MAX_DIRECTORIES):
        if not offset:
            return
        count = _read(descriptor, f"{order}{count_form}", offset)
        if count > _MAX_TAGS:
            raise RasterError(f"{path}: not a readable image (a directory of {count} tags)")
        first = offset + struct.calcsize(f"{order}{count_form}")
        table = os.pread(descriptor, count * entry_bytes, first)
        for code, kind, values in struct.iter_unpack(f"{order}{entry_form}", table):
            length = values * _TYPE_BYTES.get(kind, 1)
            if length > (MAX_INDEX_BYTES if code in _INDICES else MAX_TAG_BYTES):
                raise RasterError(f"{path}: not a readable image (tag {code} is {length} bytes long)")
        offset = _read(descriptor, f"{order}{offset_form}", first + count * entry_bytes)
    raise RasterError(f"{path}: not a readable image (more than {MAX_DIRECTORIES} directories)")


def _check_jp2(descriptor: int, path: str) -> None:
    offset, size = 0, os.fstat(descriptor).st_size
    for _ in range(_MAX_BOXES):
        if offset >= size:
            return
        length = _read(descriptor, ">I", offset)
        kind = os.pread(descriptor, 4, offset + 4)
        if length == 1:
            length = _read(descriptor, ">Q", offset + 8)
        elif length == 0:
            length = size - offset
        if kind != b"jp2c" and min(length, size - offset) > MAX_TAG_BYTES:
            raise RasterError(f"{path}: not a readable image (box {kind!r} is {length} bytes long)")
        if length < 8:
            return
        offset += length
    raise RasterError(f"{path}: not a readable image (more than {_MAX_BOXES} boxes)")


def _read(descriptor: int, form: str, offset: int) -> int:
    if offset >= 1 << 62:
        raise struct.error("beyond any file")
    (value,) = struct.unpack(form, os.pread(descriptor, struct.calcsize(form), offset))
    return int(value)
