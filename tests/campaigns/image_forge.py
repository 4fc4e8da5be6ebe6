"""Images made to do harm: sound ones edited tag by tag or byte by byte, and bombs written by hand."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS

SIDE = 192
"""Pixels of a sound image along each side."""
PLACE = Affine(10, 0, 500_000, 0, -10, 5_000_000)
"""10 m pixels from 15° E, about 45.2° N, in zone 33."""
_BIG = 1_000_000
_TAGS = (256, 257, 258, 259, 277, 317, 322, 324, 33550, 34735)
_MARKS = (b"ihdr", b"jp2h", b"jp2c", b"colr", b"uuid", b"\xff\x51", b"\xff\x52", b"\xff\x5c", b"\xff\x90")
_EXTREMES = (0, 1, 2, 3, 7, 8, 16, 255, 256, 65535, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


@dataclass(frozen=True)
class Tag:
    """One entry of a TIFF directory."""

    code: int
    kind: int
    values: Sequence[Any] | bytes

    def packed(self) -> tuple[int, bytes]:
        """Return how many values there are, and their bytes."""
        if isinstance(self.values, bytes):
            return len(self.values), self.values
        form = {1: "B", 3: "H", 4: "I", 12: "d", 16: "Q"}[self.kind]
        return len(self.values), struct.pack(f"<{len(self.values)}{form}", *self.values)


def tiff(tags: Sequence[Tag], data: bytes = b"", *, next_ifd: int | None = 0) -> bytes:
    """Return a little-endian TIFF with one directory; ``data`` begins at byte 8.

    With ``next_ifd`` None the directory is followed by itself.
    """
    entries, extra = b"", b""
    start = 8 + len(data) + len(data) % 2
    after = start + 2 + 12 * len(tags) + 4
    for tag in sorted(tags, key=lambda one: one.code):
        count, packed = tag.packed()
        if len(packed) <= 4:
            entries += struct.pack("<HHI4s", tag.code, tag.kind, count, packed.ljust(4, b"\0"))
        else:
            entries += struct.pack("<HHII", tag.code, tag.kind, count, after + len(extra))
            extra += packed + b"\0" * (len(packed) % 2)
    head = struct.pack("<2sHI", b"II", 42, start)
    following = start if next_ifd is None else next_ifd
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return head + data.ljust(start - 8, b"\0") + directory + extra


def tiff_of(
    width: int, height: int, data: bytes, offsets: Sequence[int], lengths: Sequence[int], *,
    tile: tuple[int, int] | None = None, rows: int | None = None, bits: int = 16, bands: int = 1,
    compression: int = 8, more: Sequence[Tag] = (), is_placed: bool = True,
) -> bytes:  # fmt: skip
    """Return a TIFF whose strips or tiles lie where it is said they do."""
    tags = [
        Tag(256, 4, [width]), Tag(257, 4, [height]), Tag(258, 3, [bits] * bands),
        Tag(259, 3, [compression]), Tag(262, 3, [1]), Tag(277, 3, [bands]), Tag(284, 3, [1]),
    ]  # fmt: skip
    if tile is None:
        tags += [Tag(273, 4, offsets), Tag(278, 4, [rows or height]), Tag(279, 4, lengths)]
    else:
        tags += [
            Tag(322, 4, [tile[0]]), Tag(323, 4, [tile[1]]), Tag(324, 4, offsets), Tag(325, 4, lengths),
        ]  # fmt: skip
    if is_placed:
        tags += [
            Tag(33550, 12, [10.0, 10.0, 0.0]),
            Tag(33922, 12, [0.0, 0.0, 0.0, 500_000.0, 5_000_000.0, 0.0]),
            Tag(34735, 3, [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633]),
        ]
    given = {tag.code for tag in more}
    return tiff([*(tag for tag in tags if tag.code not in given), *more], data)


def zeros(count: int) -> bytes:
    """Return so many zero bytes, deflated."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(b"\0" * min(1 << 24, count - done)) for done in range(0, count, 1 << 24)]
    return b"".join(parts) + packer.flush()


def metadata(*items: tuple[str, str, str]) -> Tag:
    """Return GDAL's own metadata tag with (domain, name, value)."""
    text = "".join(f'<Item name="{n}" domain="{d}">{v}</Item>' for d, n, v in items)
    return Tag(42112, 2, f"<GDALMetadata>{text}</GDALMetadata>\0".encode())


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yield small files that declare, or become, far more than they are."""
    some = zeros(512 * 512 * 2)
    at, size = [8], [len(some)]
    yield "million-square-one-tile.tif", tiff_of(_BIG, _BIG, some, at, size, tile=(512, 512))
    yield "million-square-one-strip.tif", tiff_of(_BIG, _BIG, some, at, size)
    yield "million-square-stored.tif", tiff_of(_BIG, _BIG, some, at, size, rows=1, compression=1)
    yield "million-square-huge-tiles.tif", tiff_of(_BIG, _BIG, some, at, size, tile=(1 << 19, 1 << 19))
    yield "two-billion-wide.tif", tiff_of((1 << 31) - 1, 1, some, at, size)
    yield "two-billion-high.tif", tiff_of(1, (1 << 31) - 1, some, at, size, rows=1)
    yield "four-billion.tif", tiff_of((1 << 32) - 1, (1 << 32) - 1, some, at, size, rows=1)
    side = 60_000
    tiles = (-(-side // 512)) ** 2
    yield "same-tile-everywhere.tif", tiff_of(side, side, some, at * tiles, size * tiles, tile=(512, 512))
    yield "tile-says-4-gb.tif", tiff_of(512, 512, some, at, [(1 << 32) - 1], tile=(512, 512))
    for bands in (300, 5000, 65535):
        yield f"{bands}-bands.tif", tiff_of(512, 512, some, at, size, tile=(512, 512), bands=bands)
        yield (
            f"{bands}-planes.tif",
            tiff_of(
                512, 512, some, at * bands, size * bands, tile=(512, 512), bands=bands,
                more=[Tag(284, 3, [2])],
            ),
        )  # fmt: skip
    yield "tiny-tiles.tif", tiff_of(20_000, 20_000, some, at, size, tile=(16, 16))
    yield "no-width.tif", tiff_of(0, 512, some, at, size)
    yield "tile-of-nothing.tif", tiff_of(512, 512, some, at, size, tile=(0, 0))
    yield "directory-in-a-circle.tif", tiff([Tag(256, 4, [5]), Tag(257, 4, [5])], some, next_ifd=None)
    yield "thirty-thousand-directories.tif", chain(30_000)
    yield (
        "metadata-nested-deep.tif",
        tiff_of(64, 64, some, at, size, more=[Tag(42112, 2, b"<GDALMetadata>" + b"<a>" * 200_000 + b"\0")]),
    )


def large_bombs() -> Iterator[tuple[str, bytes]]:
    """Yield files that take a while to make: some hundred megabytes packed into one block, or one tag."""
    some = zeros(512 * 512 * 2)
    at, size = [8], [len(some)]
    large = zeros(16384 * 16384 * 2)
    yield "one-tile-of-512-mb.tif", tiff_of(16384, 16384, large, at, [len(large)], tile=(16384, 16384))
    yield "one-strip-of-512-mb.tif", tiff_of(16384, 16384, large, at, [len(large)])
    strip = zeros(1 << 30)
    yield "small-image-large-strip.tif", tiff_of(64, 64, strip, at, [len(strip)])
    yield (
        "metadata-of-400-mb.tif",
        tiff_of(64, 64, some, at, size, more=[metadata(("", "x", "a" * 400_000_000))]),
    )


def chain(count: int) -> bytes:
    """Return a TIFF of so many sound images, one behind the other."""
    side = 16
    tags = (
        (254, 1), (256, side), (257, side), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, side),
        (279, side * side * 2),
    )  # fmt: skip
    data = bytearray(struct.pack("<2sHI", b"II", 42, 8 + side * side * 2).ljust(8 + side * side * 2, b"\1"))
    for number in range(count):
        following = len(data) + 2 + 12 * len(tags) + 4 if number + 1 < count else 0
        data += struct.pack("<H", len(tags))
        for code, value in tags:
            data += struct.pack("<HHII", code, 4, 1, value if number or code != 254 else 0)
        data += struct.pack("<I", following)
    return bytes(data)


def jp2_bombs(sound: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield JPEG 2000 files that declare giant images, tiles and components."""
    for name, edits in {
        "million-square.jp2": {"x": _BIG, "y": _BIG, "tile_x": _BIG, "tile_y": _BIG},
        "million-square-small-tiles.jp2": {"x": _BIG, "y": _BIG, "tile_x": 1024, "tile_y": 1024},
        "giant-tiles.jp2": {"x": 30_000, "y": 30_000, "tile_x": 30_000, "tile_y": 30_000},
        "tiles-of-one-pixel.jp2": {"x": SIDE, "y": SIDE, "tile_x": 1, "tile_y": 1},
        "tiles-larger-than-all.jp2": {"tile_x": (1 << 32) - 1, "tile_y": (1 << 32) - 1},
        "no-tiles.jp2": {"tile_x": 0, "tile_y": 0},
        "image-before-its-origin.jp2": {"offset_x": 5000, "offset_y": 5000},
    }.items():
        yield name, sized(sound, edits)
    yield "16384-components.jp2", with_components(sound, 16384)
    box = struct.pack(">I4s", 8 + (5 << 20), b"xml ").ljust(8 + (5 << 20), b"<")
    yield "long-box.jp2", sound[:12] + box + sound[12:]
    yield "endless-boxes.jp2", sound[:12] + struct.pack(">I4s", 8, b"free") * 20_000 + sound[12:]


_SIZ = {"x": 2, "y": 6, "offset_x": 10, "offset_y": 14, "tile_x": 18, "tile_y": 22}
"""Where each number lies behind the marker's length and capabilities."""


def sized(sound: bytes, edits: Mapping[str, int]) -> bytes:
    """Return a JPEG 2000 file that declares other sizes, in its codestream and in its header box."""
    data = bytearray(sound)
    marker = data.find(b"\xff\x51")
    for name, value in edits.items():
        struct.pack_into(">I", data, marker + 4 + _SIZ[name], value)
    header = data.find(b"ihdr")
    if header > 0 and "x" in edits:
        struct.pack_into(">II", data, header + 4, edits["y"], edits["x"])
    return bytes(data)


def with_components(sound: bytes, count: int) -> bytes:
    """Return a JPEG 2000 file that declares so many components."""
    data = bytearray(sound)
    marker = data.find(b"\xff\x51")
    struct.pack_into(">H", data, marker + 2, 38 + 3 * count)
    struct.pack_into(">H", data, marker + 38, count)
    header = data.find(b"ihdr")
    if header > 0:
        struct.pack_into(">H", data, header + 12, count)
    return bytes(data[: marker + 40] + b"\x0f\x01\x01" * count + data[marker + 43 :])


def sound_images(folder: Path, seed: int = 1) -> dict[str, Path]:
    """Write sound images of each kind and return them by name."""
    rng = np.random.default_rng(seed)
    kinds: dict[str, dict[str, Any]] = {
        "tiled-deflate.tif": {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"},
        "strips-lzw.tif": {"compress": "lzw", "predictor": 2},
        "stored.tif": {},
        "zstd.tif": {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "zstd"},
        "lerc.tif": {"compress": "lerc"},
        "jpeg.tif": {"compress": "jpeg", "dtype": "uint8"},
        "big.tif": {"BIGTIFF": "YES", "compress": "deflate"},
        "masked.tif": {"compress": "deflate", "nodata": 0},
        "float.tif": {"dtype": "float32", "compress": "deflate", "predictor": 3},
        "lossless.jp2": {"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": "100"},
        "tiled.jp2": {
            "driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": "100",
            "BLOCKXSIZE": 64, "BLOCKYSIZE": 64,
        },
    }  # fmt: skip
    made = {}
    for name, options in kinds.items():
        profile = {"driver": "GTiff", "dtype": "uint16", **options}
        values = rng.integers(1, 200, (SIDE, SIDE)).astype(profile["dtype"])
        made[name] = folder / name
        with rasterio.open(
            made[name], "w", width=SIDE, height=SIDE, count=1, crs=CRS.from_epsg(32633), transform=PLACE,
            **profile,
        ) as out:  # fmt: skip
            out.write(values, 1)
    return made


def mutants(sound: bytes, random_: random.Random) -> Iterator[bytes]:
    """Yield what chance makes of a sound file, without end."""
    is_tiff = sound[:2] == b"II"
    edits: list[Callable[[bytearray, random.Random], bytearray]] = [_flipped, _cut, _swapped, _overwritten]
    edits += [_retagged] * 4 if is_tiff and sound[2] == 42 else [_remarked] * 3
    while True:
        data = bytearray(sound)
        for _ in range(random_.choice((1, 1, 1, 2, 3))):
            data = random_.choice(edits)(data, random_)
        yield bytes(data)


def _flipped(data: bytearray, random_: random.Random) -> bytearray:
    # Most that matters stands in the first bytes.
    end = min(len(data), 600) if random_.random() < 0.6 else len(data)
    for _ in range(random_.choice((1, 1, 2, 8, 64))):
        if end:
            data[random_.randrange(end)] ^= 1 << random_.randrange(8)
    return data


def _cut(data: bytearray, random_: random.Random) -> bytearray:
    return data[: random_.randrange(len(data) + 1)]


def _swapped(data: bytearray, random_: random.Random) -> bytearray:
    size = random_.choice((1, 16, 256))
    if len(data) <= 2 * size:
        return data
    one, other = random_.randrange(len(data) - size), random_.randrange(len(data) - size)
    data[one : one + size], data[other : other + size] = data[other : other + size], data[one : one + size]
    return data


def _overwritten(data: bytearray, random_: random.Random) -> bytearray:
    if len(data) < 16:
        return data
    at = random_.randrange(len(data) - 8)
    order = random_.choice("<>")
    data[at : at + 4] = struct.pack(f"{order}I", random_.choice(_EXTREMES))
    return data


def _retagged(data: bytearray, random_: random.Random) -> bytearray:
    """Edit one entry of the directory: its code, type, count, value, or what the value leads to."""
    if len(data) < 16:
        return data
    (start,) = struct.unpack_from("<I", data, 4)
    if start + 2 > len(data):
        return data
    (count,) = struct.unpack_from("<H", data, start)
    if not count:
        return data
    at = start + 2 + 12 * random_.randrange(count)
    if at + 12 > len(data):
        return data
    match random_.randrange(6):
        case 0:
            struct.pack_into(
                "<H", data, at, random_.choice((256, 257, 258, 259, 277, 317, 322, 324, 33550, 34735))
            )
        case 1:
            struct.pack_into("<H", data, at + 2, random_.randrange(20))
        case 2:
            struct.pack_into("<I", data, at + 4, random_.choice(_EXTREMES))
        case 3 | 4:
            struct.pack_into("<I", data, at + 8, random_.choice(_EXTREMES))
        case _:
            (leads_to,) = struct.unpack_from("<I", data, at + 8)
            if leads_to + 8 <= len(data):
                value = random_.choice((0.0, -1.0, 1e308, -1e-320, float("nan"), float("inf")))
                struct.pack_into("<d", data, leads_to, value)
    return data


def _remarked(data: bytearray, random_: random.Random) -> bytearray:
    """Edit the numbers behind a box's name or a marker of a JPEG 2000 file, or a BigTIFF's directory."""
    places = [place for name in _MARKS if (place := data.find(name)) >= 4]
    if not places:
        return _overwritten(data, random_)
    at = random_.choice(places) + random_.randrange(-4, 40)
    if 0 <= at < len(data) - 4:
        kind, value = random_.choice((("B", 255), ("H", 65535), ("I", (1 << 32) - 1)))
        struct.pack_into(f">{kind}", data, at, random_.choice((*(e for e in _EXTREMES if e <= value), value)))
    return data
