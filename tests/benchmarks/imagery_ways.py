"""Ways to make a raster of bands, each a program of its own: ``python imagery_ways.py WAY OUT OPTIONS…``.

It is run by its path, so that an environment of its own with other packages can run it as well.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CODECS: dict[str, dict[str, Any]] = {
    "int16": {"dtype": "int16", "nodata": -32768, "compress": "ZSTD", "predictor": 2, "zstd_level": 1},
    "float32": {
        "dtype": "float32",
        "nodata": float("nan"),
        "compress": "DEFLATE",
        "predictor": 3,
        "zlevel": 1,
    },
}
CACHE_BYTES = 64 << 20


def ours(out: str, product: str, stored: str, paths: dict[str, str], bbox: list[float] | None) -> None:
    """Make it with the product's own code."""
    from earthgazer_core.domain.bbox import BBox
    from earthgazer_core.raster.products import make_index, make_rgb, make_stack
    from earthgazer_core.raster.source import BandSource

    sources = [
        BandSource(band, path, 1e-4, 0.0, None, is_mask=True)
        if band == "SCL"
        else BandSource(band, path, 1e-4, 0.0, 0.0)
        for band, path in paths.items()
    ]
    part = None if bbox is None else BBox(*bbox)
    codec = "ZSTD" if stored == "int16" else "DEFLATE"
    if product == "ndvi":
        how: Any = {"stored": stored}
        made = make_index("ndvi", sources, part, Path(out), compression=codec, **how)
        assert made.parameters["stored"] == stored, made.parameters["warnings"]
    elif product == "stack":
        make_stack(sources, part, Path(out), compression=codec)
    else:
        make_rgb(sources, part, Path(out), compression=codec)


def floor(out: str, paths: dict[str, str], window: list[int] | None, raw: str, stored: str) -> None:
    """Decode the inputs, then encode the output: what nobody can leave out."""
    decode(paths, window)
    encode(out, raw, stored)


def decode(paths: dict[str, str], window: list[int] | None) -> None:
    """Read every pixel of every band, a thread each, and do nothing with them."""
    from concurrent.futures import ThreadPoolExecutor

    import rasterio
    from rasterio.windows import Window

    def read(item: tuple[str, str]) -> None:
        band, path = item
        environment = rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES)  # type: ignore[no-untyped-call]
        with environment, rasterio.open(path) as source:
            part = window or [0, 0, source.width, source.height]
            # The classification has pixels of twice the size.
            column, row, width, height = (n // 2 for n in part) if window and band == "SCL" else part
            step = source.block_shapes[0][0]
            for top in range(row, row + height, step):
                source.read(1, window=Window(column, top, width, min(step, row + height - top)))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(read, paths.items()))


def encode(out: str, raw: str, stored: str) -> None:
    """Make a COG of a raw raster, by GDAL's own driver and with all threads."""
    import rasterio
    import rasterio.shutil

    codec = CODECS[stored]
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):  # type: ignore[no-untyped-call]
        rasterio.shutil.copy(
            raw, out, driver="COG", BLOCKSIZE=512, COMPRESS=codec["compress"],
            PREDICTOR="STANDARD" if codec["predictor"] == 2 else "FLOATING_POINT",
            OVERVIEW_RESAMPLING="AVERAGE", NUM_THREADS=2, LEVEL=1,
        )  # fmt: skip


def raw(out: str, made: str) -> None:
    """Write the pixels of a product uncompressed, for ``encode``."""
    import rasterio

    with rasterio.open(made) as source:
        profile = {**source.profile, "driver": "GTiff", "compress": None, "predictor": None}
        for name in ("compress", "predictor", "layout"):
            profile.pop(name, None)
        with rasterio.open(out, "w", **profile) as target:
            for _, window in source.block_windows(1):
                target.write(source.read(window=window), window=window)


def naive(out: str, product: str, stored: str, paths: dict[str, str]) -> None:
    """Make it with rasterio and NumPy as most do: whole arrays, then overviews and statistics."""
    import numpy as np
    import rasterio
    from rasterio.enums import Resampling

    bands = {}
    for name, path in paths.items():
        with rasterio.open(path) as source:
            bands[name] = source.read(1).astype("float32")
            profile = {"crs": source.crs, "transform": source.transform, "driver": "GTiff"}
    valid = np.logical_and.reduce([band != 0 for band in bands.values()])
    if product == "ndvi":
        red, nir = bands["red"], bands["nir"]
        with np.errstate(all="ignore"):
            pixels = np.where(valid, (nir - red) / (nir + red), np.nan)[np.newaxis]
        known = pixels[np.isfinite(pixels)]
        _ = (known.mean(), known.std(), known.min(), known.max(), np.histogram(known, 200, (-1, 1)))
        _ = np.percentile(known, (2, 50, 98))
    elif product == "stack":
        pixels = np.stack([np.where(valid, band * 1e-4, np.nan) for band in bands.values()]).astype("float32")
    else:
        ends = {name: np.percentile(band[valid], (2, 98)) for name, band in bands.items()}
        pixels = np.stack(
            [np.clip((band - ends[name][0]) / (ends[name][1] - ends[name][0]), 0, 1) * 255
             for name, band in bands.items()] + [valid * 255.0]
        ).astype("uint8")  # fmt: skip
    codec = CODECS[stored] if product != "rgb" else {"dtype": "uint8", "compress": "DEFLATE", "predictor": 2}
    if stored == "int16" and product == "ndvi":
        pixels = np.where(np.isfinite(pixels), np.rint(pixels * 1e4), -32768).astype("int16")
    count, height, width = pixels.shape
    with rasterio.open(
        out, "w", width=width, height=height, count=count, tiled=True, blockxsize=512, blockysize=512,
        **profile, **codec,
    ) as target:  # fmt: skip
        target.write(pixels)
        target.build_overviews([2, 4, 8, 16, 32], Resampling.average)


def xarray(out: str, stored: str, paths: dict[str, str]) -> None:
    """Make NDVI with xarray and dask in two threads, written as a COG; then statistics."""
    import dask.array  # type: ignore[import-not-found]
    import rioxarray  # type: ignore[import-not-found]

    with dask.config.set(scheduler="threads", num_workers=2):
        red, nir = (
            rioxarray.open_rasterio(paths[name], chunks={"x": 2048, "y": 2048}, lock=False)
            .squeeze("band", drop=True)
            for name in ("red", "nir")
        )  # fmt: skip
        valid = (red != 0) & (nir != 0)
        red, nir = red.astype("float32"), nir.astype("float32")
        ndvi = ((nir - red) / (nir + red)).where(valid).persist()
        _ = (float(ndvi.mean()), float(ndvi.std()), float(ndvi.min()), float(ndvi.max()))
        dask.array.histogram(ndvi.data, bins=200, range=(-1, 1))[0].compute()
        codec = CODECS[stored]
        if stored == "int16":
            ndvi = (ndvi * 1e4).round().fillna(-32768).astype("int16")
        ndvi.rio.write_nodata(codec["nodata"], inplace=True)
        ndvi.rio.to_raster(
            out, driver="COG", compress=codec["compress"], blocksize=512, num_threads=2,
            predictor="STANDARD" if stored == "int16" else "FLOATING_POINT", overview_resampling="average",
            level=1,
        )  # fmt: skip


def statistics(_: str, path: str) -> None:
    """Statistics and histogram of a raster that is there already, with the product's accumulator."""
    import numpy as np
    import rasterio

    from earthgazer_core.raster.statistics import Accumulator

    accumulator = Accumulator()
    environment = rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES)  # type: ignore[no-untyped-call]
    with environment, rasterio.open(path) as source:
        for _row, window in source.block_windows(1):
            pixels = source.read(1, window=window)
            values = pixels[np.isfinite(pixels)].astype(np.float64)
            accumulator.add(values, pixels.size)
    accumulator.result()


def fleet(_: str, numbers: list[int], timeout_s: float) -> None:
    """Have the fleet of the environment make the NDVI of captures, and wait for all of them."""
    from celery import group

    from earthgazer_core.celery_app import app
    from earthgazer_core.tasks import compute_ndvi_task

    app.set_current()
    group(compute_ndvi_task.si(capture_id=one, stored="int16") for one in numbers).apply_async().get(
        timeout=timeout_s
    )


if __name__ == "__main__":
    # Where it is there rasterio imports it, which takes a tenth of a second; only tests of ours bring it.
    sys.modules["boto3"] = None  # type: ignore[assignment]
    way, target, *options = sys.argv[1:]
    globals()[way](target, *(json.loads(option) for option in options))
