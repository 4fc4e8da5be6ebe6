from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

_SIDE = 10_980
_MEASURE = """
import resource
import sys
from pathlib import Path
from earthgazer_core.raster.products import make_index, make_stack
from earthgazer_core.raster.source import BandSource

def megabytes(field):
    status = Path("/proc/self/status")
    if not status.exists():
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit >> 20
    # The high-water mark of getrusage() is inherited from the parent, this one begins with the program.
    return next(int(line.split()[1]) // 1024 for line in status.open() if line.startswith(field))

product, path, out = sys.argv[1], sys.argv[2], Path(sys.argv[3])
names = ("red", "nir", "blue", "green")[: 2 if product == "ndvi" else 4]
sources = [BandSource(band, path, 1e-4, 0, 0, index=place) for place, band in enumerate(names, 1)]
if product == "ndvi":
    make_index("ndvi", sources, None, out, compression="ZSTD")
else:
    make_stack(sources, None, out, compression="ZSTD")
print(megabytes("VmHWM:"), megabytes("VmRSS:"))
"""


@pytest.mark.parametrize(("product", "bands", "height"), [("ndvi", 2, _SIDE), ("stack", 4, 4096)])
def test_memory_stays_bounded_whatever_the_size_of_the_scene(
    tmp_path: Path, product: str, bands: int, height: int
) -> None:
    """A tile of 10,980² pixels: read whole, two bands and their sums would take over 3 GB.

    Of a stack part of the rows tells the same: what is held at a time grows with the width.
    """
    peak, left = _megabytes(product, _tile(tmp_path / "tile.tif", bands, height), tmp_path / "o.tif")

    assert peak <= 450
    # Else a worker would grow from one product to the next.
    assert left <= 200 or not sys.platform.startswith("linux")


def _megabytes(product: str, path: Path, out: Path) -> tuple[int, int]:
    """Return the largest memory of a program that makes a product, and what it has afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, product, str(path), str(out)],
        capture_output=True, text=True, check=True, timeout=150,
    )  # fmt: skip
    peak, left = map(int, done.stdout.split())
    return peak, left


def _tile(path: Path, bands: int, height: int) -> Path:
    block = np.random.default_rng(7).integers(1, 9000, (bands, 512, 512)).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=_SIDE, height=height, count=bands, dtype="uint16", crs="EPSG:32633",
        transform=Affine(10, 0, 500_000, 0, -10, 5_000_000), tiled=True, blockxsize=512, blockysize=512,
        compress="zstd", zstd_level=1, sparse_ok=True,
    ) as dataset:  # fmt: skip
        # A few blocks hold pixels, the rest is nodata: quick to make, and as large to hold.
        for step in range(0, height // 512, 4):
            dataset.write(block, window=((step * 512, step * 512 + 512), (step * 512, step * 512 + 512)))
    return path
