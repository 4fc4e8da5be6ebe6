"""Files on disk become a capture: checked before anything of them is kept."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rasterio.warp import transform_bounds

from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Asset, Capture
from earthgazer_core.domain.mission import Mission
from earthgazer_core.domain.mission import mission as mission_named
from earthgazer_core.errors import InvalidInputError, NotFoundError, RasterError
from earthgazer_core.raster.dataset import gdal_environment, open_dataset, raster_problems, read_window
from earthgazer_core.raster.grid import Grid
from earthgazer_core.raster.radiometry import baseline_from_product_id
from earthgazer_core.raster.reading import windows
from earthgazer_core.storage import sha256_of
from earthgazer_core.tasks.inputs import radiometry_of

_SENTINEL2_PRODUCT = re.compile(r"S2[A-D]_MSI(?P<level>L1C|L2A)_\d{8}T\d{6}_N\d{4}_R\d{3}_T\w{5}_\d{8}T\d{6}")
_LANDSAT_PRODUCT = re.compile(
    r"L[COTEM]0\d_(?P<level>L\w{3})_(?P<path>\d{3})(?P<row>\d{3})_\d{8}_\d{8}_\d{2}_\w{2}"
)
_CLOCK_SKEW = timedelta(days=1)
_DENSIFY_POINTS = 101


def capture_of_files(
    mission: str,
    sensing_time: datetime,
    bands: Sequence[tuple[str, Path]],
    *,
    product_id: str | None = None,
    baseline: str | None = None,
    level: str | None = None,
    mask_policy: str = "auto",
) -> Capture:
    """Return the capture that files make up; each was read to its end.

    Args:
        mission: Name of the mission, in any case.
        sensing_time: When it was sensed, aware.
        bands: Names as people write them, and files.
        product_id: The provider's identity. If None it is what the paths tell, or mission and time, with
            a digest of the files, so that the same files are the same capture and others another.
        baseline: Sentinel-2 processing baseline ``NN.NN``; None to read it from the product id.
        level: Processing level; None to read it from the product id, or to take surface reflectance.
        mask_policy: ``auto``, or ``none`` to leave SCL and QA_PIXEL out.

    Raises:
        InvalidInputError: unknown mission or band, a band twice, no band, a time to come, or a baseline
            that can't be told though it matters.
        NotFoundError: a file does not exist.
        RasterError: a file is no image, is truncated, or can't serve as a band.
    """
    its_mission = mission_named(mission)
    if sensing_time > datetime.now(UTC) + _CLOCK_SKEW:
        raise InvalidInputError(f"sensing time {sensing_time.isoformat()} is in the future")
    files = _by_band(its_mission, bands)
    told = product_id or _told_by(files.values())
    its_level = (level or _level_of(its_mission, told)).upper()
    its_baseline = baseline or (baseline_from_product_id(told) if told else None)
    assets = []
    footprints: list[BBox] = []
    with gdal_environment():
        for band, path in files.items():
            scale, offset, footprint = _read(its_mission, band, path)
            footprints += [footprint] if footprint is not None else []
            assets.append(
                Asset(band, path.as_uri(), scale, offset, None, sha256_of(path), path.stat().st_size)
            )
    identity = product_id or _identity(
        told or f"{its_mission.name}_{sensing_time:%Y%m%dT%H%M%S}",
        assets,
        its_level,
        its_baseline,
        mask_policy,
    )
    capture = Capture(
        mission=its_mission.name,
        product_id=identity,
        sensing_time=sensing_time,
        level=its_level,
        assets=tuple(assets),
        bbox=footprints[0] if footprints else None,
        processing_baseline=its_baseline,
        mask_policy=mask_policy,
        mgrs_tile=_tile(told),
        wrs_path=_wrs(told, "path"),
        wrs_row=_wrs(told, "row"),
    )
    for asset in assets:
        if asset.band != its_mission.mask_band:
            # It raises where nobody can tell how the numbers are to be read.
            radiometry_of(capture, asset)
    return capture


def _by_band(its_mission: Mission, bands: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for text, path in bands:
        band = its_mission.band_name(text)
        if band in files:
            raise InvalidInputError(f"band {band} is given twice")
        if not path.exists():
            raise NotFoundError(f"{path}: no such file (band {band})")
        if not path.is_file():
            raise InvalidInputError(f"{path} is not a file (band {band})")
        files[band] = path.resolve()
    if not set(files) - {its_mission.mask_band}:
        raise InvalidInputError("no band given, only a mask" if files else "no band given")
    return files


def _read(its_mission: Mission, band: str, path: Path) -> tuple[float | None, float | None, BBox | None]:
    """Read a file to its end and return the scale and offset that it declares, and its footprint."""
    with open_dataset(str(path)) as dataset:
        if band == its_mission.mask_band and not dataset.dtypes[0].startswith(("uint", "int")):
            raise RasterError(f"{path}: {band} holds flags, and {dataset.dtypes[0]} can't")
        whole = Grid(None, dataset.transform, dataset.shape).window
        for window in windows(whole, dataset.block_shapes[0]):
            read_window(dataset, 1, window)
        scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
        if not (math.isfinite(scale) and math.isfinite(offset)) or scale == 0:
            raise RasterError(f"{path}: declares a scale of {scale:g} and an offset of {offset:g}")
        declared = (scale, offset) if (scale, offset) != (1.0, 0.0) else (None, None)
        if dataset.crs is None:
            return (*declared, None)
        unplaced = f"{path}: its place on Earth can't be told"
        with raster_problems(unplaced):
            left, bottom, right, top = dataset.bounds
            bounds = transform_bounds(  # type: ignore[no-untyped-call]
                dataset.crs, "EPSG:4326", left, bottom, right, top, _DENSIFY_POINTS
            )
    if not all(math.isfinite(edge) for edge in bounds):
        raise RasterError(f"{unplaced}: it lies outside of what its CRS is made for")
    west, south, east, north = bounds
    try:
        return (*declared, BBox(_wrapped(west), max(south, -90.0), _wrapped(east), min(north, 90.0)))
    except InvalidInputError as error:
        raise RasterError(f"{unplaced} ({error})") from None


def _wrapped(longitude: float) -> float:
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180


def _told_by(paths: Iterable[Path]) -> str | None:
    """Return the product id that all paths tell alike, from a file's or a directory's name."""
    told = set()
    for path in paths:
        found = [
            match[0]
            for part in reversed(path.parts)
            for match in (_SENTINEL2_PRODUCT.search(part) or _LANDSAT_PRODUCT.search(part),)
            if match
        ]
        told.add(found[0] if found else None)
    return told.pop() if len(told) == 1 else None


def _level_of(its_mission: Mission, told: str | None) -> str:
    found = (_SENTINEL2_PRODUCT.search(told) or _LANDSAT_PRODUCT.search(told)) if told else None
    if found is not None:
        return found["level"]
    return "L2A" if its_mission.family == "sentinel-2" else "L2SP"


def _identity(name: str, assets: Sequence[Asset], level: str, baseline: str | None, mask_policy: str) -> str:
    parts = [f"{asset.band}={asset.sha256}" for asset in sorted(assets, key=lambda asset: asset.band)]
    digest = hashlib.sha256("\n".join([level, baseline or "", mask_policy, *parts]).encode())
    return f"{name}_{digest.hexdigest()[:10]}"


def _tile(told: str | None) -> str | None:
    found = re.search(r"_T(\d{2}[A-Z]{3})(?=_|$)", told) if told else None
    return found[1] if found else None


def _wrs(told: str | None, part: str) -> int | None:
    found = _LANDSAT_PRODUCT.search(told) if told else None
    return int(found[part]) if found else None
