from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

_MEASURE = """
import sys
from pathlib import Path
from earthgazer_core.raster.products import make_index
from earthgazer_core.raster.source import BandSource

names = enumerate(("red", "nir"), 1)
sources = [BandSource(band, sys.argv[1], 1e-4, 0, 0, index=place) for place, band in names]
make_index("ndvi", sources, None, Path(sys.argv[2]), compression="ZSTD")
status = Path("/proc/self/status")
if status.exists():
    # The high-water mark of getrusage() is inherited from the parent, this one begins with the program.
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    print(int(peak.split()[1]) // 1024)
else:
    import resource
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit >> 20)
"""


def test_memory_stays_bounded_whatever_the_size_of_the_scene(tmp_path: Path) -> None:
    """A tile of 10,980² pixels: read whole, its two bands and their sums would take over 3 GB."""
    side = 10_980
    path = tmp_path / "tile.tif"
    block = np.random.default_rng(7).integers(1, 9000, (2, 512, 512)).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=2, dtype="uint16", crs="EPSG:32633",
        transform=Affine(10, 0, 500_000, 0, -10, 5_000_000), tiled=True, blockxsize=512, blockysize=512,
        compress="zstd", zstd_level=1, sparse_ok=True,
    ) as dataset:  # fmt: skip
        # A few blocks hold pixels, the rest is nodata: quick to make, and as large to hold.
        for step in range(0, 21, 4):
            dataset.write(block, window=((step * 512, step * 512 + 512), (step * 512, step * 512 + 512)))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(path), str(tmp_path / "o.tif")],
        capture_output=True, text=True, check=True, timeout=150,
    )  # fmt: skip
    assert int(done.stdout) <= 450
