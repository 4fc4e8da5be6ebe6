"""One product of the sandbox on disk: its bands, its mask and what is known of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from earthgazer_core.catalog.sandbox.chip import (
    CHIP_BANDS,
    CHIP_BBOX,
    CHIP_CRS,
    CHIP_LEFT_M,
    CHIP_MGRS_TILE,
    CHIP_TOP_M,
)
from earthgazer_core.catalog.sandbox.passes import Pass, Role
from earthgazer_core.catalog.sandbox.pixels import PassPixels, greenness, simulate
from earthgazer_core.domain.capture import Asset, Capture
from earthgazer_core.errors import StorageError

_DESCRIPTION: Final = "product.json"
_OFFSET_DN: Final = 1000


@dataclass(frozen=True, slots=True)
class SandboxProduct:
    """A pass at one processing baseline."""

    seen: Pass
    """The pass."""
    baseline: str
    """``NN.NN``."""

    @property
    def published_at(self) -> datetime:
        """When it could be found: reprocessing takes three days more."""
        is_again = self.baseline != self.seen.baselines[0]
        return self.seen.published_at + timedelta(days=3 if is_again else 0)

    @property
    def product_id(self) -> str:
        """The name that a real product of this pass and baseline would have."""
        return (
            f"S2A_MSIL2A_{self.seen.sensing_time:%Y%m%dT%H%M%S}_N{self.baseline.replace('.', '')}_R025"
            f"_T{CHIP_MGRS_TILE}_{self.published_at:%Y%m%dT%H%M%S}"
        )

    @property
    def is_offset_due(self) -> bool:
        """Whether dn are shifted, as from baseline 04.00 on."""
        return self.baseline >= "04.00"

    def capture(self, root: Path, chip: Callable[[], npt.NDArray[np.uint16]]) -> Capture:
        """Return the capture, with its files below ``root`` made if they aren't there whole.

        Idempotent and safe to run twice at once: a product appears under its name complete or not at all.

        Raises:
            StorageError: its files can't be written.
        """
        folder = root / self.product_id
        try:
            described = _read_description(folder)
            if described is None:
                self._make(folder, simulate(chip(), self.seen))
                described = _read_description(folder)
        except OSError as error:
            raise StorageError(f"the sandbox can't write {folder}: {error.strerror or error}") from error
        if described is None:
            raise StorageError(f"the sandbox's files in {folder} keep changing; remove that directory")
        return Capture(
            mission="SENTINEL-2A",
            product_id=self.product_id,
            sensing_time=self.seen.sensing_time,
            level="L2A",
            assets=tuple(
                Asset(
                    band=band,
                    href=(folder / file["name"]).absolute().as_uri(),
                    nodata=0,
                    sha256=file["sha256"],
                    size_bytes=file["size_bytes"],
                )
                for band, file in described["files"].items()
            ),
            bbox=CHIP_BBOX,
            processing_baseline=self.baseline,
            cloud_cover_percent=described["cloud_cover_percent"],
            mgrs_tile=CHIP_MGRS_TILE,
            source="sandbox",
            collection="sandbox-sentinel-2-l2a",
            is_simulated=True,
            metadata=described["metadata"],
        )

    def _make(self, folder: Path, pixels: PassPixels) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            offset = _OFFSET_DN if self.is_offset_due else 0
            files = {
                **{
                    band: _write_band(making / f"{band}.tif", dn + np.uint16(offset), 10)
                    for band, dn in zip(CHIP_BANDS, pixels.dn, strict=True)
                },
                "SCL": _write_band(making / "SCL.tif", pixels.scl, 20),
            }
            description = {
                "files": files,
                "cloud_cover_percent": pixels.cloud_cover_percent,
                "metadata": self._metadata(pixels),
            }
            (making / _DESCRIPTION).write_bytes(orjson.dumps(description, option=orjson.OPT_INDENT_2))
            # mkdtemp leaves the directory to its owner alone; workers of another account read it too.
            making.chmod(0o755)
            _put_in_place(making, folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)

    def _metadata(self, pixels: PassPixels) -> dict[str, Any]:
        is_real = self.seen.role is Role.REFERENCE
        return {
            "georeference": "nominal",
            "dates": "nominal",
            "pixels": "real" if is_real else "simulated",
            "pixels_from": "the Sentinel-2 sample of the package spyndex (B02, B03, B04, B08)",
            "demonstrates": self.seen.role.value,
            "greenness": 1.0 if is_real else round(greenness(self.seen.sensing_time), 6),
            "offset_dn": -_OFFSET_DN if self.is_offset_due else 0,
            "expected_ndvi": pixels.expected_ndvi(),
        }


def _put_in_place(making: Path, folder: Path) -> None:
    try:
        making.rename(folder)
    except OSError:
        # Another process was faster, and its product is the same; or what is there is damaged.
        if _read_description(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
            making.rename(folder)


def _read_description(folder: Path) -> dict[str, Any] | None:
    try:
        described: dict[str, Any] = orjson.loads((folder / _DESCRIPTION).read_bytes())
        whole = all(
            (folder / file["name"]).stat().st_size == file["size_bytes"]
            for file in described["files"].values()
        )
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, AttributeError, ValueError):
        return None
    return described if whole else None


def _write_band(path: Path, values: npt.NDArray[Any], resolution_m: float) -> dict[str, Any]:
    # rasterio takes a while to import, and a catalogue that finds its files there needs none.
    import rasterio
    from affine import Affine

    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype=values.dtype,
        crs=CHIP_CRS, transform=Affine(resolution_m, 0, CHIP_LEFT_M, 0, -resolution_m, CHIP_TOP_M), nodata=0,
        tiled=True, blockxsize=128, blockysize=128, compress="DEFLATE", predictor=2,
    ) as target:  # fmt: skip
        target.write(values, 1)
    data = path.read_bytes()
    with path.open("rb") as written:
        os.fsync(written.fileno())
    return {"name": path.name, "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
