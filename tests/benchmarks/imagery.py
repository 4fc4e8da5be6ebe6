"""A full Sentinel-2 tile to measure on, and what a program takes that works on it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine

TILE_PX = 10_980
"""Side of a Sentinel-2 tile at 10 m."""
QUICK_PX = 2_048
TOP_LEFT = (199_980.0, 2_800_020.0)
EDGE_SHARE = 0.07
"""Part of the tile beyond the edge of the swath."""
_REAL = "sentinel2/29RKH_20200219_L2A"
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Cost:
    """What a program took from its start to its end, interpreter and imports included."""

    wall_s: float
    """Time that went by."""
    cpu_s: float
    """Processor time, all threads, its own children included."""
    peak_mb: float
    """Largest resident memory of it, its children excluded."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s, max(self.peak_mb, other.peak_mb))


def spend(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Cost:
    """Run a program and return what it took.

    Raises:
        RuntimeError: it failed.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        list(command), env=dict(env) if env else None, cwd=cwd, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    peak = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, _high_water(process.pid))
        time.sleep(_POLL_S)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]} ended with {process.returncode}: {said[-800:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak / 1e6)


def best(command: Sequence[str], rounds: int, *, cwd: Path | None = None) -> Cost:
    """Return the least that each of several runs took: what else runs on the machine only adds to it."""
    return least([spend(command, cwd=cwd) for _ in range(rounds)])


def least(costs: Sequence[Cost]) -> Cost:
    """Return the least time and the largest memory of several runs."""
    return Cost(
        min(one.wall_s for one in costs), min(one.cpu_s for one in costs), max(one.peak_mb for one in costs)
    )


def _high_water(pid: int) -> int:
    # The largest memory of the program itself: getrusage() counts the parent's before it became another.
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def test_data() -> Path | None:
    """Return where the real images are, if they are there."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = Path(os.environ.get("EARTHGAZER_TEST_DATA") or beside)
    return root if (root / _REAL).is_dir() else None


def make_tile(folder: Path, side: int, bands: Sequence[str], *, jp2: Sequence[str] = ()) -> str:
    """Write bands of a tile as deflate GeoTIFFs, and some as JPEG 2000 too; return how they were made.

    Pixels are those of a real capture seen every 10th pixel, laid side by side mirrored, so that no seam
    shows and texture and noise are real; where there is none, of smoothed noise. 7 % are beyond an
    oblique edge of the swath. The classification has its 20 m.
    """
    real = test_data()
    for band in bands:
        size = side // 2 if band == "SCL" else side
        pixels = _tiled(real / _REAL / f"{band}.tif", size) if real is not None else _noise(band, size)
        column = np.arange(size)
        pixels[column[np.newaxis, :] < 2 * EDGE_SHARE * (size - column[:, np.newaxis])] = 0
        profile = {
            "width": size, "height": size, "count": 1, "dtype": pixels.dtype, "crs": "EPSG:32629",
            "transform": Affine(10.0 * side / size, 0, TOP_LEFT[0], 0, -10.0 * side / size, TOP_LEFT[1]),
        }  # fmt: skip
        with rasterio.open(
            folder / f"{band}.tif", "w", driver="GTiff", nodata=0, tiled=True, blockxsize=512,
            blockysize=512, compress="deflate", predictor=2, num_threads=2, **profile,
        ) as dataset:  # fmt: skip
            dataset.write(pixels, 1)
        if band in jp2:
            with (
                rasterio.Env(GDAL_NUM_THREADS=2),  # type: ignore[no-untyped-call]
                rasterio.open(
                    folder / f"{band}.jp2", "w", driver="JP2OpenJPEG", blockxsize=1024, blockysize=1024,
                    quality="100", reversible="YES", **profile,
                ) as dataset,
            ):  # fmt: skip
                dataset.write(pixels, 1)
    return "real pixels, mirrored side by side" if real is not None else "smoothed noise"


def _tiled(path: Path, side: int) -> npt.NDArray[np.integer]:
    with rasterio.open(path) as dataset:
        chip = dataset.read(1)
    times = -(-side // chip.shape[0])
    row = np.concatenate([chip[:, ::-1] if n % 2 else chip for n in range(times)], axis=1)
    whole = np.concatenate([row[::-1] if n % 2 else row for n in range(times)], axis=0)
    return np.ascontiguousarray(whole[:side, :side])


def _noise(band: str, side: int) -> npt.NDArray[np.integer]:
    rng = np.random.default_rng(len(band) + ord(band[-1]))
    if band == "SCL":
        coarse = rng.choice([4, 5, 8, 9], (side // 64 + 1, side // 64 + 1), p=[0.5, 0.4, 0.06, 0.04])
        return np.kron(coarse, np.ones((64, 64))).astype(np.uint8)[:side, :side]
    broad = np.kron(rng.normal(2500, 600, (side // 32 + 1, side // 32 + 1)), np.ones((32, 32)))
    return np.clip(broad[:side, :side] + rng.normal(0, 60, (side, side)), 1, 9999).astype(np.uint16)
