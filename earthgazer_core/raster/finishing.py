"""What every product records of itself: tags in the file, and the result handed back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from earthgazer_core.domain.artifact import Outcome
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.statistics import Statistics
from earthgazer_core.raster.layout import Layout
from earthgazer_core.raster.result import Preview, RasterResult
from earthgazer_core.raster.scene import Scene


def file_tags(product: str, scene: Scene, more: Mapping[str, str] | None) -> dict[str, str]:
    """Return the entries of a file's metadata: product, inputs with their radiometry, and more."""
    inputs = {band.name: Path(band.source.path).name for band in scene.bands}
    return {
        "product": product,
        "inputs": json.dumps(inputs),
        "parameters": json.dumps(scene.parameters()),
        **(more or {}),
    }


def finished(
    out: Path, scene: Scene, bbox: BBox | None, layout: Layout, *, sha256: str, valid: int,
    statistics: Statistics | None, preview: Preview | None, parameters: Mapping[str, Any],
) -> RasterResult:  # fmt: skip
    """Return the result of a product that stands whole under its name.

    Args:
        out: The file.
        scene: What it was made from.
        bbox: Part asked for.
        layout: How it is stored.
        sha256: Hex digest of it.
        valid: Its valid pixels.
        statistics: Of its one band.
        preview: Small picture of it.
        parameters: Further entries for the record.
    """
    height, width = scene.grid.shape
    return RasterResult(
        path=out,
        outcome=Outcome.OK if valid else Outcome.NO_CLEAR_PIXELS,
        crs=scene.grid.crs_text,
        transform=scene.grid.coefficients,
        height=height,
        width=width,
        bands=layout.bands,
        statistics=statistics,
        preview=preview,
        sha256=sha256,
        size_bytes=out.stat().st_size,
        parameters={
            "bbox": None if bbox is None else list(bbox.as_tuple()),
            **scene.parameters(),
            "valid": valid,
            "total": height * width,
            "compression": layout.compression,
            "stored": layout.dtype,
            **parameters,
        },
    )
