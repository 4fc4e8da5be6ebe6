"""Stacks, true colour and statistics of a full tile against their peers, and eight tiles on a fleet."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.bench_ndvi import middle, way
from tests.benchmarks.figure import Figure
from tests.benchmarks.imagery import QUICK_PX, TILE_PX, best, make_tile, spend
from tests.product.conftest import Product

CAPTURES = 8
WORKERS = 2
TIMEOUT_S = 900.0
_NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}


def run(*, quick: bool) -> Iterator[Figure]:
    """Measure one product after the other, then the fleet."""
    side, rounds = (QUICK_PX, 1) if quick else (TILE_PX, 2)
    with tempfile.TemporaryDirectory(prefix="eg-bench-", dir="/tmp") as directory:
        folder = Path(directory)
        make_tile(folder, side, (*_NAMES.values(), "SCL"))
        paths = {name: str(folder / f"{band}.tif") for name, band in _NAMES.items()}
        colors = {name: paths[name] for name in ("red", "green", "blue")}
        bbox, _ = middle(folder / "B04.tif")
        yield from against_naive(folder, "stack", "4 bands, float32 zstd", paths, rounds)
        crop = best(way("ours", folder / "o.tif", "stack", "int16", paths, bbox), rounds)
        yield Figure("stack and crop to a quarter, wall", crop.wall_s, "s", note=f"{crop.cpu_s:.1f} s CPU")
        yield Figure("stack and crop to a quarter, peak memory", crop.peak_mb, "MB", 450.0)
        yield from against_naive(folder, "rgb", "per-band stretch, deflate", colors, rounds)
        yield from of_statistics(folder, paths, rounds)
        yield from on_a_fleet(folder, paths)


def against_naive(
    folder: Path, product: str, what: str, paths: dict[str, str], rounds: int
) -> Iterator[Figure]:
    """Measure a product of the whole tile against rasterio used as most do."""
    stored = "int16" if product == "stack" else "float32"
    ours = best(way("ours", folder / "o.tif", product, stored, paths, None), rounds)
    theirs = spend(way("naive", folder / "n.tif", product, stored, paths))
    name = f"{product} of a tile ({what})"
    peer = "naive rasterio"
    yield Figure(f"{name}, wall", ours.wall_s, "s", peer=peer, peer_value=theirs.wall_s)
    yield Figure(f"{name}, CPU", ours.cpu_s, "s", peer=peer, peer_value=theirs.cpu_s)
    yield Figure(f"{name}, peak memory", ours.peak_mb, "MB", 450.0, peer=peer, peer_value=theirs.peak_mb)


def of_statistics(folder: Path, paths: dict[str, str], rounds: int) -> Iterator[Figure]:
    """Measure statistics and histogram of an NDVI that is there already, against gdalinfo."""
    made = folder / "ndvi.tif"
    pair = {name: paths[name] for name in ("red", "nir")}
    spend(way("ours", made, "ndvi", "float32", pair, None))
    ours = best(way("statistics", folder / "unused", str(made)), rounds)
    theirs = None
    if shutil.which("gdalinfo") is not None:
        # It keeps what it found beside the file, and would only read that again.
        theirs = spend(("gdalinfo", "-stats", "-hist", "--config", "GDAL_PAM_ENABLED", "NO", str(made)))
    yield Figure(
        "statistics, percentiles and histogram of an NDVI, CPU", ours.cpu_s, "s",
        peer="gdalinfo, without percentiles" if theirs else "", peer_value=theirs.cpu_s if theirs else None,
        note="" if theirs else "gdalinfo is not installed",
    )  # fmt: skip


def on_a_fleet(folder: Path, paths: dict[str, str]) -> Iterator[Figure]:
    """Have worker processes of an embedded stack make the NDVI of several tiles at once."""
    product = Product(folder / "state", folder)
    earthgazer(product, "stack", "up", "--detach", "--workers", str(WORKERS))
    try:
        numbers = [add(product, paths, n) for n in range(CAPTURES)]
        before = {one.pid: cpu_s(one) for one in product.processes()}
        began = time.monotonic()
        env = product.env | dict(
            line.split("=", 1) for line in earthgazer(product, "stack", "env").splitlines() if "=" in line
        )
        command = way("fleet", folder / "unused", numbers, TIMEOUT_S)
        done = subprocess.run(
            command, env=env, cwd=folder, timeout=TIMEOUT_S, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the fleet failed: {done.stderr[-1500:]}")
        wall = time.monotonic() - began
        workers = [one for one in product.processes() if "celery" in " ".join(one.cmdline())]
        peak = max(high_water_mb(one) for one in workers)
        spent = sum(cpu_s(one) - before.get(one.pid, 0.0) for one in product.processes())
    finally:
        earthgazer(product, "stack", "down")
        product.wait_until_nothing_runs()
    name = f"{CAPTURES} tiles at once, NDVI int16 zstd, {WORKERS} worker processes"
    yield Figure(f"{name}, wall", wall, "s", note=f"{wall / CAPTURES:.1f} s a tile, {spent:.0f} s CPU in all")
    yield Figure(f"{name}, peak memory of a process", peak, "MB", 450.0)


def add(product: Product, paths: dict[str, str], number: int) -> int:
    """Add a capture of the tile's files and return its id."""
    bands = [word for name in ("red", "nir") for word in ("--band", f"{_NAMES[name]}={paths[name]}")]
    said = earthgazer(
        product, "captures", "add", "--mission", "SENTINEL-2A", "--sensing-time",
        f"2021-06-{number + 1:02}T11:00:00Z", "--product-id", f"BENCH_{number}", "--baseline", "03.00",
        *bands, "--json",
    )  # fmt: skip
    document: dict[str, Any] = json.loads(said)
    return int(document["id"])


def earthgazer(product: Product, *words: str) -> str:
    """Run a command of ``earthgazer`` on the stack; return what it printed."""
    command = (sys.executable, "-m", "earthgazer_core.cli", "--state-dir", str(product.state_dir), *words)
    done = subprocess.run(
        command, env=product.env, cwd=product.home, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"earthgazer {' '.join(words)}: {done.stderr}")
    return done.stdout


def cpu_s(process: psutil.Process) -> float:
    """Return the processor time of a process, 0 once it is gone."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def high_water_mb(process: psutil.Process) -> float:
    """Return the largest resident memory of a process, 0 once it is gone."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)
