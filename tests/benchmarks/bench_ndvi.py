"""NDVI of a full tile, from compressed bands to a COG with overviews and statistics, against its peers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from rasterio.warp import transform_bounds

from tests.benchmarks.figure import Figure
from tests.benchmarks.imagery import QUICK_PX, TILE_PX, Cost, least, make_tile, spend

WAYS = Path(__file__).with_name("imagery_ways.py")
ROUNDS = 3
CODECS = {
    "int16": ("int16 zstd", "zstd level 1, predictor 2, steps of 0.0001"),
    "float32": ("float32 deflate", "deflate level 1, predictor 3"),
}
PEER_PACKAGES = ("rioxarray", "dask", "numpy")
_TOOLS = ("gdal_calc.py", "gdal_translate", "gdalinfo")
_COG = {
    "int16": ("-co", "COMPRESS=ZSTD", "-co", "LEVEL=1", "-co", "PREDICTOR=STANDARD"),
    "float32": ("-co", "COMPRESS=DEFLATE", "-co", "LEVEL=1", "-co", "PREDICTOR=FLOATING_POINT"),
}


@dataclass(frozen=True, slots=True)
class Job:
    """What is measured once."""

    name: str
    """In words."""
    stored: str
    """Type of the output."""
    paths: dict[str, str]
    """Band → file."""
    bbox: list[float] | None = None
    """Part wanted, lon/lat."""
    window: list[int] | None = None
    """About the same part in pixels, for the floor."""


def run(*, quick: bool) -> Iterator[Figure]:
    """Measure the product and its peers on the same files."""
    side, rounds = (QUICK_PX, 1) if quick else (TILE_PX, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="eg-bench-", dir="/tmp") as directory:
        folder = Path(directory)
        how = make_tile(folder, side, ("B04", "B08", "SCL"), jp2=("B04", "B08"))
        tile = {"red": str(folder / "B04.tif"), "nir": str(folder / "B08.tif")}
        jp2 = {band: path.replace(".tif", ".jp2") for band, path in tile.items()}
        python = None if quick else peer_python(folder)
        bbox, window = middle(Path(tile["red"]))
        masked = {**tile, "SCL": str(folder / "SCL.tif")}
        for stored, (codec, details) in CODECS.items():
            note = f"{details}; inputs: {how}"
            from_tiff = Job(f"GeoTIFF → {codec}", stored, tile)
            yield from full_tile(from_tiff, folder, rounds, note)
            yield from peers(from_tiff, folder, python)
            yield from full_tile(Job(f"JPEG 2000 → {codec}", stored, jp2), folder, 1, note)
            yield from part(Job(f"crop to a quarter → {codec}", stored, tile, bbox, window), folder, rounds)
            yield from part(Job(f"SCL masked → {codec}", stored, masked), folder, rounds)


def full_tile(job: Job, folder: Path, rounds: int, note: str) -> Iterator[Figure]:
    """Measure one output of the whole tile, against floor and GDAL's tools, and judge it by the budget.

    The product and the tools take turns, so that whatever else the machine does befalls both.
    """
    ours, floor, chain = measured(job, folder, rounds, with_chain=True)
    yield Figure(f"NDVI wall, {job.name}", ours.wall_s, "s", peer="floor", peer_value=floor.wall_s, note=note)
    if chain is None:
        yield Figure(f"NDVI speed, {job.name}", 0.0, "×", note="GDAL's tools are not installed: apt gdal-bin")
    else:
        peer = "gdal_calc + gdal_translate + gdalinfo"
        yield Figure(
            f"NDVI wall speed against {peer}, {job.name}", chain.wall_s / ours.wall_s, "×", 3.0, "at least",
            note=f"theirs {chain.wall_s:.1f} s, {chain.cpu_s:.1f} s CPU, {chain.peak_mb:.0f} MB",
        )  # fmt: skip
        yield Figure(f"NDVI CPU, {job.name}", ours.cpu_s, "s", peer=peer, peer_value=chain.cpu_s)
    yield Figure(
        f"NDVI CPU over decoding and encoding alone, {job.name}", ours.cpu_s / floor.cpu_s, "×", 1.4,
        note=f"{ours.cpu_s:.1f} s over {floor.cpu_s:.1f} s",
    )  # fmt: skip
    yield Figure(f"NDVI peak memory, {job.name}", ours.peak_mb, "MB", 450.0)


def part(job: Job, folder: Path, rounds: int) -> Iterator[Figure]:
    """Measure a crop or a masked tile against its floor."""
    ours, floor, _ = measured(job, folder, rounds)
    yield Figure(f"NDVI wall, {job.name}", ours.wall_s, "s", peer="floor", peer_value=floor.wall_s)
    yield Figure(f"NDVI CPU, {job.name}", ours.cpu_s, "s", peer="floor", peer_value=floor.cpu_s)
    yield Figure(f"NDVI peak memory, {job.name}", ours.peak_mb, "MB", 450.0)


def measured(
    job: Job, folder: Path, rounds: int, *, with_chain: bool = False
) -> tuple[Cost, Cost, Cost | None]:
    """Return the least that the product took, decoding its inputs and encoding its COG alone, and the tools.

    In each round all take their turn.
    """
    out, raw, cog = (folder / f"{name}.tif" for name in ("out", "raw", "cog"))
    found: list[tuple[Cost, Cost, Cost | None]] = []
    for _ in range(rounds):
        ours = spend(way("ours", out, "ndvi", job.stored, job.paths, job.bbox))
        chain = gdal_chain(job, folder) if with_chain else None
        spend(way("raw", raw, str(out)))
        found.append((ours, spend(way("floor", cog, job.paths, job.window, str(raw), job.stored)), chain))
        raw.unlink()
    ours_all, floor_all, chain_all = zip(*found, strict=True)
    chains = [one for one in chain_all if one is not None]
    return least(ours_all), least(floor_all), least(chains) if chains else None


def gdal_chain(job: Job, folder: Path) -> Cost | None:
    """Return what GDAL's own tools take for the same; None where they are missing."""
    if any(shutil.which(tool) is None for tool in _TOOLS):
        return None
    ratio = "(B.astype(float32)-A)/(B.astype(float32)+A)"
    kind, calc, nodata = ("Float32", ratio, "-9999")
    if job.stored == "int16":
        kind, calc, nodata = ("Int16", f"rint({ratio}*10000)", "-32768")
    plain, cog = folder / "plain.tif", folder / "chain.tif"
    # The tools of the system have a Python and a PROJ of their own.
    total = spend(
        ("gdal_calc.py", "--quiet", "--overwrite", "-A", job.paths["red"], "-B", job.paths["nir"],
         "--outfile", str(plain), "--type", kind, "--NoDataValue", nodata, "--calc", calc,
         "--co", "TILED=YES"),
    )  # fmt: skip
    total += spend(
        ("gdal_translate", "-q", "-of", "COG", *_COG[job.stored], "-co", "NUM_THREADS=ALL_CPUS", "-co",
         "BLOCKSIZE=512", "-co", "OVERVIEW_RESAMPLING=AVERAGE", str(plain), str(cog)),
    )  # fmt: skip
    total += spend(("gdalinfo", "-stats", "-hist", str(cog)))
    plain.unlink()
    return total


def peers(job: Job, folder: Path, python: Path | None) -> Iterator[Figure]:
    """Measure other ways in Python to the same."""
    ways = {"naive rasterio": way("naive", folder / "naive.tif", "ndvi", job.stored, job.paths)}
    if python is not None:
        words = way("xarray", folder / "xarray.tif", job.stored, job.paths)
        ways["xarray with dask"] = (str(python), *words[1:])
    for name, words in ways.items():
        cost = spend(words)
        told = f"{cost.cpu_s:.1f} s CPU, {cost.peak_mb:.0f} MB"
        yield Figure(f"{name}: NDVI wall, {job.name}", cost.wall_s, "s", note=told)


def way(name: str, out: Path, *options: Any) -> Sequence[str]:
    """Return the command of one way."""
    return (sys.executable, str(WAYS), name, str(out), *(json.dumps(option) for option in options))


def peer_python(folder: Path) -> Path:
    """Return the Python of an environment of its own with xarray and dask."""
    subprocess.run((sys.executable, "-m", "venv", folder / "peer"), check=True)
    python = folder / "peer" / "bin" / "python"
    rasterio_too = f"rasterio=={rasterio.__version__}"
    subprocess.run((python, "-m", "pip", "install", "-q", *PEER_PACKAGES, rasterio_too), check=True)
    return python


def middle(path: Path) -> tuple[list[float], list[int]]:
    """Return the middle quarter of an image, as lon/lat and as about the same pixels."""
    with rasterio.open(path) as dataset:
        left, bottom, right, top = dataset.bounds
        inset_x, inset_y = (right - left) / 4, (top - bottom) / 4
        edges = transform_bounds(  # type: ignore[no-untyped-call]
            dataset.crs, "EPSG:4326", left + inset_x, bottom + inset_y, right - inset_x, top - inset_y
        )
        width, height = dataset.width, dataset.height
    return [float(edge) for edge in edges], [width // 4, height // 4, width // 2, height // 2]
