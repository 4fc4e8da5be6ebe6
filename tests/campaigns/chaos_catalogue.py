"""A catalogue of small scenes on a web server of the campaign's own, which can be away for a while."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.io import MemoryFile

from tests.core.storage.web_server import Answer, Request, WebServer

BANDS = ("B02", "B03", "B04", "B08")
SCENES = 8
"""Scenes that differ; captures share them, because it is the product that makes an artifact another."""
BOUNDS = (-9.0, 41.52, -8.96, 41.56)
"""What the scenes show, roughly, in degrees."""
_SIZE_PX = 256
_FIRST = datetime(2021, 1, 1, 11, 20, tzinfo=UTC)
ORIGIN = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 4_600_000.0)
"""Where the scenes lie, in metres of EPSG:32629."""


@cache
def pixels(scene: int, band: str) -> npt.NDArray[np.uint16]:
    """Return what a band of a scene holds."""
    random = np.random.default_rng((scene, BANDS.index(band)))
    coarse = random.integers(1200, 5000, (_SIZE_PX // 8, _SIZE_PX // 8), dtype=np.uint16)
    grains = random.integers(0, 60, (_SIZE_PX, _SIZE_PX), dtype=np.uint16)
    return np.kron(coarse, np.ones((8, 8), dtype=np.uint16)) + grains


class Catalogue:
    """Serves so many captures of one place; they differ by day, and every eighth shows the same pixels."""

    def __init__(self, captures: int) -> None:
        self._web = WebServer()
        for scene in range(SCENES):
            for band in BANDS:
                self._web.files[f"/{scene}/{band}.tif"] = band_file(scene, band)
        self._web.start()
        self._web.files["/catalogue.json"] = json.dumps(
            {"type": "FeatureCollection", "features": [self._item(number) for number in range(captures)]}
        ).encode()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self._web.url}/catalogue.json"

    def leave(self) -> None:
        """Answer everything with 503 from now on."""
        for path in self._web.files:
            self._web.routes[path] = _away

    def come_back(self) -> None:
        """Answer as before."""
        self._web.routes.clear()

    def stop(self) -> None:
        """End the server."""
        self._web.stop()

    def _item(self, number: int) -> dict[str, Any]:
        sensed = _FIRST + timedelta(days=number)
        name = f"S2A_MSIL2A_{sensed:%Y%m%dT%H%M%S}_N0300_R025_T29TNG_{sensed:%Y%m%dT%H%M%S}"
        west, south, east, north = BOUNDS
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        return {
            "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "sentinel-2-l2a",
            "bbox": list(BOUNDS), "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {
                "datetime": sensed.isoformat(), "platform": "sentinel-2a", "s2:product_uri": f"{name}.SAFE",
                "s2:product_type": "S2MSI2A", "s2:processing_baseline": "03.00", "eo:cloud_cover": 1.0,
            },
            "assets": {band: self._asset(number % SCENES, band) for band in BANDS},
            "links": [],
        }  # fmt: skip

    def _asset(self, scene: int, band: str) -> dict[str, Any]:
        path = f"/{scene}/{band}.tif"
        data = self._web.files[path]
        return {
            "href": f"{self._web.url}{path}", "type": "image/tiff; application=geotiff", "nodata": 0,
            "file:size": len(data), "file:checksum": f"1220{hashlib.sha256(data).hexdigest()}",
        }  # fmt: skip


def scene_of(product_id: str) -> int:
    """Return the scene that a capture shows."""
    sensed = datetime.strptime(product_id.split("_")[2], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return (sensed - _FIRST).days % SCENES


def _away(_request: Request) -> Answer:
    return Answer(503)


@cache
def band_file(scene: int, band: str) -> bytes:
    """Return a band of a scene as a GeoTIFF."""
    with MemoryFile() as memory:  # type: ignore[no-untyped-call]
        with memory.open(
            driver="GTiff", width=_SIZE_PX, height=_SIZE_PX, count=1, dtype="uint16", nodata=0,
            crs="EPSG:32629", transform=ORIGIN, compress="deflate", tiled=True, blockxsize=128,
            blockysize=128,
        ) as file:  # fmt: skip
            file.write(pixels(scene, band), 1)
        return bytes(memory.read())
