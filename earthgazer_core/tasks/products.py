"""The tasks that make rasters of one capture: stack, indices, true colour."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from celery import shared_task

from earthgazer_core.db.repositories import captures
from earthgazer_core.db.tables import ArtifactRow, CaptureRow
from earthgazer_core.domain.artifact import ArtifactKind
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.tasks.base import EarthGazerTask

Bounds = Sequence[float]
"""(west, south, east, north) in degrees: what JSON makes of a tuple is a list."""


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.cpu.stack_and_crop")
def stack_and_crop_task(
    self: EarthGazerTask,
    capture_id: int,
    bands: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Put the bands of a capture on one grid, cropped, as reflectance; return what was made."""
    from earthgazer_core.raster.products import make_stack
    from earthgazer_core.tasks.inputs import band_names
    from earthgazer_core.tasks.making import Order, make_once

    names = tuple(band_names(_capture(self, capture_id), bands))
    order = Order(ArtifactKind.STACKED, capture_id, names, bbox_of(bounds), force, self.request.id)
    return summary(make_once(self.resources, order, make_stack, self.progress(capture_id)))


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.cpu.compute_ndvi")
def compute_ndvi_task(
    self: EarthGazerTask,
    capture_id: int,
    bands: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    force: bool = False,
    stored: str = "float32",
) -> str:
    """Make the NDVI of a capture, with statistics and histogram, and return its path (its URI if remote).

    Red and near infrared are enough. A scene without a clear pixel is an outcome, not an error. Stored as
    ``int16`` in steps of 0.0001, with zstd, it takes a third of the room and less time.
    """
    return _make_index(self, "ndvi", capture_id, bands, bounds, force, stored)


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.cpu.compute_index")
def compute_index_task(
    self: EarthGazerTask,
    capture_id: int,
    index: str,
    bounds: Bounds | None = None,
    force: bool = False,
    stored: str = "float32",
) -> str:
    """Make a spectral index of a capture by its name and return its path (its URI if remote)."""
    return _make_index(self, index, capture_id, None, bounds, force, stored)


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.cpu.generate_rgb")
def generate_rgb_task(
    self: EarthGazerTask,
    capture_id: int,
    bands: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    force: bool = False,
) -> str | dict[str, str]:
    """Make the true-colour picture of a capture and return its path (its URI if remote).

    Where red, green or blue is missing it is left out: ``{"skipped": reason}``.
    """
    from earthgazer_core.raster.products import make_rgb
    from earthgazer_core.tasks.inputs import missing_bands, own_bands
    from earthgazer_core.tasks.making import Order, make_once

    capture = _capture(self, capture_id)
    colors = ("red", "green", "blue")
    if missing := missing_bands(capture, colors, bands):
        return {"skipped": f"true colour needs {', '.join(missing)}"}
    order = Order(
        ArtifactKind.RGB,
        capture_id,
        tuple(own_bands(capture, colors)),
        bbox_of(bounds),
        force,
        self.request.id,
    )
    return location_of(make_once(self.resources, order, make_rgb, self.progress(capture_id)))


def bbox_of(bounds: Bounds | None) -> BBox | None:
    """Return bounds as a checked rectangle.

    Raises:
        InvalidInputError: not four numbers, or not a rectangle on Earth.
    """
    if bounds is None:
        return None
    if len(bounds) != 4:
        raise InvalidInputError(
            f"bounds {list(bounds)}: expected four numbers west, south, east, north in degrees"
        )
    return BBox.checked(*(float(edge) for edge in bounds))


def location_of(artifact: ArtifactRow) -> str:
    """Return the path of a local artifact, the URI of a remote one: what rasterio opens."""
    parts = urlsplit(artifact.uri)
    return str(Path(unquote(parts.path))) if parts.scheme == "file" else artifact.uri


def summary(artifact: ArtifactRow) -> dict[str, Any]:
    """Return an artifact as a task's result."""
    return {
        "artifact_id": artifact.id,
        "kind": artifact.kind,
        "outcome": artifact.outcome,
        "path": location_of(artifact),
        "bands": list(artifact.bands),
        "shape": [artifact.height, artifact.width],
    }


def _make_index(
    task: EarthGazerTask,
    name: str,
    capture_id: int,
    bands: Sequence[str] | None,
    bounds: Bounds | None,
    force: bool,
    stored: str,
) -> str:
    from earthgazer_core.raster.indices import index_named
    from earthgazer_core.raster.products import make_index
    from earthgazer_core.tasks.inputs import missing_bands, own_bands
    from earthgazer_core.tasks.making import Order, make_once

    index = index_named(name)
    capture = _capture(task, capture_id)
    if missing := missing_bands(capture, index.bands, bands):
        asked = f"; the bands asked for are {', '.join(bands)}" if bands is not None else ""
        raise InvalidInputError(
            f"{index.name.upper()} of capture {capture_id} needs {', '.join(missing)}{asked}"
        )
    order = Order(
        index.name,
        capture_id,
        tuple(own_bands(capture, index.bands)),
        bbox_of(bounds),
        force,
        task.request.id,
        # What is usual is not named, so that its artifacts are found under the keys they have.
        {} if stored == "float32" else {"stored": stored, "compression": "ZSTD"},
    )
    maker = partial(make_index, index.name, **order.options)
    return location_of(make_once(task.resources, order, maker, task.progress(capture_id)))


def _capture(task: EarthGazerTask, capture_id: int) -> CaptureRow:
    with task.resources.database.session() as session:
        return captures.get(session, capture_id)
