"""What the product does with an image file, as one call that a child process can be asked for."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.raster.grid import grid_of
from earthgazer_core.raster.products import make_index, make_rgb, make_stack
from earthgazer_core.raster.source import BandSource
from earthgazer_core.tasks.files import capture_of_files

WAYS = ("add", "inspect", "index", "crop", "mask", "resample", "rgb", "stack")
"""What can be asked for."""
INSIDE = BBox(15.001, 45.135, 15.015, 45.148)
"""A part of what the sound images show."""
_WHEN = datetime(2020, 6, 15, 10, tzinfo=UTC)


def prepare() -> None:
    """Let libraries start their threads and load their tables before memory gets scarce."""
    import rasterio
    from rasterio.warp import transform_bounds

    with rasterio.Env():  # type: ignore[no-untyped-call]
        transform_bounds("EPSG:32633", "EPSG:4326", 5e5, 4.9e6, 5.1e5, 5e6)  # type: ignore[no-untyped-call]


def use(way: str, hostile: str, sound: str, scratch: str) -> str:
    """Do with a hostile image, and a sound one, what the product does; whatever is left over is a fault.

    Raises:
        AssertionError: something was left in the folder.
        EarthGazerError: the image is refused.
    """
    folder = Path(scratch)
    out = folder / "out" / "made.tif"
    # What an earlier call left that had to be killed is not this one's.
    shutil.rmtree(out.parent, ignore_errors=True)
    try:
        told = _used(way, hostile, sound, out)
    except BaseException:
        left = list(out.parent.iterdir()) if out.parent.exists() else []
        shutil.rmtree(out.parent, ignore_errors=True)
        assert not left, f"left over after an error: {left}"
        raise
    left = [path for path in out.parent.iterdir() if path != out] if out.parent.exists() else []
    shutil.rmtree(out.parent, ignore_errors=True)
    assert not left, f"left over: {left}"
    return told


def _used(way: str, hostile: str, sound: str, out: Path) -> str:
    def band(name: str, path: str, **more: Any) -> BandSource:
        return BandSource(name, path, 1e-4, 0.0, 0.0, **more)

    if way == "add":
        capture = capture_of_files(
            "SENTINEL-2A", _WHEN, [("B04", Path(hostile)), ("B08", Path(sound))], baseline="02.14"
        )
        return str(capture.bbox)
    if way == "inspect":
        return str(grid_of(hostile).shape)
    if way in ("index", "crop"):
        sources = [band("red", hostile), band("nir", sound)]
        made = make_index("ndvi", sources, INSIDE if way == "crop" else None, out)
        return f"{made.outcome} {made.height}x{made.width} {made.preview is not None}"
    if way == "mask":
        sources = [
            band("red", sound),
            band("nir", sound),
            BandSource("SCL", hostile, 1, 0, None, is_mask=True),
        ]
        return str(make_index("ndvi", sources, None, out).outcome)
    if way == "resample":
        sources = [band("red", hostile), band("nir", sound)]
        return str(make_index("ndvi", sources, None, out, reference="nir").outcome)
    if way == "rgb":
        sources = [band("red", hostile), band("green", sound), band("blue", sound)]
        return str(make_rgb(sources, None, out).outcome)
    return str(make_stack([band("red", sound), band("nir", hostile)], None, out).outcome)
