"""What making a raster gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthgazer_core.domain.artifact import Outcome
from earthgazer_core.domain.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture, rows from the top."""

    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    rgba: bytes
    """width * height * 4 bytes; alpha 0 is no data."""


@dataclass(frozen=True, slots=True)
class RasterResult:
    """A raster that now stands whole under its name."""

    path: Path
    """Cloud-optimised GeoTIFF."""
    outcome: Outcome
    """Whether any pixel was clear."""
    crs: str | None
    """``EPSG:32629``, WKT, or None."""
    transform: tuple[float, float, float, float, float, float]
    """Affine a, b, c, d, e, f: column, row → x, y."""
    height: int
    """Rows."""
    width: int
    """Columns."""
    bands: tuple[str, ...]
    """Names of its bands in order."""
    statistics: Statistics | None
    """Of the one band; None where there are several."""
    preview: Preview | None
    """Small picture of it, if it has one."""
    sha256: str
    """Hex digest of the file."""
    size_bytes: int
    """Size of the file."""
    parameters: Mapping[str, Any]
    """What it was made with and how, JSON values; ``warnings`` lists what looked doubtful."""
