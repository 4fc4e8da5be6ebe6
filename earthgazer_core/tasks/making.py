"""Making an artifact once: found by its key, made aside, kept whole, recorded with its checksum."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

from earthgazer_core.db.repositories import artifacts, captures
from earthgazer_core.db.tables import ArtifactRow, CaptureRow
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.progress import ProgressSink
from earthgazer_core.raster.result import RasterResult
from earthgazer_core.raster.source import BandSource
from earthgazer_core.storage import safe_key
from earthgazer_core.tasks.inputs import Input, inputs_for
from earthgazer_core.tasks.keys import ALGORITHM_VERSION, content_key, folder_name
from earthgazer_core.tasks.local_copies import ensure_local
from earthgazer_core.tasks.resources import Resources
from earthgazer_core.tasks.work_directories import work_directory


class Maker(Protocol):
    """Writes one product of one capture with the raster code."""

    def __call__(
        self,
        sources: Sequence[BandSource],
        bbox: BBox | None,
        out: Path,
        /,
        *,
        tags: Mapping[str, str],
        progress: ProgressSink,
        threads: int,
    ) -> RasterResult:
        """Write ``out`` and return what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """An artifact that is wanted."""

    kind: str
    """``stacked``, ``ndvi``, …"""
    capture_id: int
    """Capture that it is made of."""
    bands: tuple[str, ...]
    """The product's own names of its bands."""
    bbox: BBox | None
    """Part wanted; None means the whole scene."""
    is_forced: bool
    """Whether it is made again though it is there."""
    task_id: str | None
    """Task that makes it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further choices that decide about the file, JSON values; only those that are not the usual."""


def make_once(resources: Resources, order: Order, maker: Maker, progress: ProgressSink) -> ArtifactRow:
    """Return the artifact ordered, made unless it is there already; safe to run twice at once.

    Raises:
        NotFoundError: no such capture, or a file of it is gone.
        InvalidInputError: it can't be told how the numbers become reflectance.
        RasterError: a file can't serve, or the part wanted lies outside it.
        StorageError: bytes don't match their checksum, or can't be kept.
        TransientError: a source, the store or the database is away.
    """
    with resources.database.session() as session:
        capture = captures.get(session, order.capture_id)
    inputs = inputs_for(capture, order.bands)
    if not order.is_forced and all(one.asset.sha256 for one in inputs):
        # what all inputs are is known, so there is no need to have them here
        found = _find(resources, _key(capture, order, inputs), order, capture)
        if found is not None:
            return found
    paths = {one.asset.band: ensure_local(resources, capture, one.asset, progress) for one in inputs}
    key = _key(capture, order, inputs)
    if not order.is_forced and (found := _find(resources, key, order, capture)) is not None:
        return found
    with work_directory(resources.work_path, order.kind) as directory:
        result = maker(
            [one.source(str(paths[one.asset.band]), capture.mission) for one in inputs],
            order.bbox,
            directory / f"{order.kind}.tif",
            tags=_tags(capture, inputs, key),
            progress=progress,
            threads=_threads(resources),
        )
        with resources.database.session() as session:
            # two tasks that made the same thing keep it one after the other, so that the file that
            # stands there in the end is the one whose checksum was recorded
            session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
            other = None if order.is_forced else _find_in(session, resources, key, order, capture)
            if other is not None:
                return other
            stored = resources.artifacts.put_file(result.path, object_key(capture, order.kind, key))
            values = _row(result, stored.uri, key, order, capture, inputs)
            return artifacts.record(session, values, replace=True)


def object_key(capture: CaptureRow, kind: str, key: str) -> str:
    """Return where an artifact is kept below the artifacts' root; telling to people, unique by its key."""
    return safe_key(capture.mission, folder_name(capture.product_id), f"{kind}-{key[:20]}.tif")


def _key(capture: CaptureRow, order: Order, inputs: Sequence[Input]) -> str:
    return content_key(
        order.kind,
        {
            # the same bytes under two product ids are two captures, each with artifacts of its own
            "product": [capture.mission, capture.product_id],
            "bands": {one.asset.band: one.described() for one in inputs},
        },
        {
            "bands": list(order.bands),
            "bbox": list(order.bbox.as_tuple()) if order.bbox else None,
            **order.options,
        },
    )


def _find(resources: Resources, key: str, order: Order, capture: CaptureRow) -> ArtifactRow | None:
    with resources.database.session() as session:
        return _find_in(session, resources, key, order, capture)


def _find_in(
    session: Session, resources: Resources, key: str, order: Order, capture: CaptureRow
) -> ArtifactRow | None:
    row = artifacts.by_key(session, key)
    if row is None:
        return None
    head = resources.artifacts.head(object_key(capture, order.kind, key))
    # a file that somebody removed is made again
    return row if head is not None and head.size_bytes == row.size_bytes else None


def _threads(resources: Resources) -> int:
    processors = os.cpu_count() or 1
    return max(2, processors // (resources.settings.celery.worker_concurrency or processors))


def _tags(capture: CaptureRow, inputs: Sequence[Input], key: str) -> dict[str, str]:
    return {
        "mission": capture.mission,
        "product_id": capture.product_id,
        "sensing_time": capture.sensing_time.isoformat(),
        "inputs": " ".join(f"{one.asset.band}={one.asset.sha256}" for one in inputs),
        "radiometry": _reason(inputs),
        "simulated": "yes" if capture.is_simulated else "no",
        "key": key,
        "algorithm": ALGORITHM_VERSION,
    }


def _reason(inputs: Sequence[Input]) -> str:
    return "; ".join(dict.fromkeys(one.radiometry.reason for one in inputs if one.radiometry is not None))


def _row(
    result: RasterResult, uri: str, key: str, order: Order, capture: CaptureRow, inputs: Sequence[Input]
) -> dict[str, Any]:
    preview = result.preview
    return {
        "key": key,
        "capture_id": capture.id,
        "kind": order.kind,
        "outcome": result.outcome.value,
        "uri": uri,
        "sha256": result.sha256,
        "size_bytes": result.size_bytes,
        "crs": result.crs,
        "transform": list(result.transform),
        "height": result.height,
        "width": result.width,
        "bands": list(result.bands),
        "parameters": {
            **result.parameters,
            "mask_policy": capture.mask_policy,
            "radiometry": _reason(inputs),
            "inputs": {one.asset.band: one.asset.sha256 for one in inputs},
        },
        "algorithm_version": ALGORITHM_VERSION,
        "statistics": result.statistics.as_json() if result.statistics is not None else None,
        "preview": zlib.compress(preview.rgba) if preview is not None else None,
        "preview_width": preview.width if preview is not None else None,
        "preview_height": preview.height if preview is not None else None,
        "task_id": order.task_id,
    }
