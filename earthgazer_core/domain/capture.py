"""A capture: one acquisition by one mission, and the files that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from earthgazer_core.domain.bbox import BBox


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of a capture: a band or its mask."""

    band: str
    """The product's own name: ``B04``, ``SCL``, ``QA_PIXEL``."""
    href: str
    """Where it is found: ``https://``, ``s3://`` or ``file://``."""
    scale: float | None = None
    """Reflectance = dn * scale + offset; None where the mission's rule applies."""
    offset: float | None = None
    """See ``scale``."""
    nodata: float | None = None
    """Value that means "no data", where the catalogue declares one."""
    sha256: str | None = None
    """Hex digest promised by the catalogue (``file:checksum``), if any."""
    size_bytes: int | None = None
    """Size promised by the catalogue (``file:size``), if any."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One acquisition as a catalogue, or an operator adding files, describes it."""

    mission: str
    """A name of :data:`earthgazer_core.domain.mission.MISSIONS`."""
    product_id: str
    """The provider's own identity of this acquisition at this processing."""
    sensing_time: datetime
    """When it was sensed, aware UTC."""
    level: str
    """``L1C``, ``L2A``, ``L2SP`` or ``L1TP``."""
    assets: tuple[Asset, ...]
    """Its bands and its mask."""
    bbox: BBox | None = None
    """Footprint in lon/lat; None for files without a CRS."""
    processing_baseline: str | None = None
    """Sentinel-2 ``NN.NN``; None where there is none."""
    cloud_cover_percent: float | None = None
    """Share of clouds by the catalogue, 0 to 100."""
    mgrs_tile: str | None = None
    """Sentinel-2 tile, ``29RKH``."""
    wrs_path: int | None = None
    """Landsat path."""
    wrs_row: int | None = None
    """Landsat row."""
    source: str = "files"
    """Catalogue that told of it, or ``files``."""
    collection: str | None = None
    """STAC collection, which decides about radiometry."""
    offset_already_applied: bool | None = None
    """``earthsearch:boa_offset_applied``: pixels are shifted already; None where nothing is said."""
    is_simulated: bool = False
    """Whether pixels or georeference were made up for demonstration."""
    mask_policy: str = "auto"
    """``auto``: SCL or QA_PIXEL apply if present; ``none``: nodata alone."""
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Further properties worth keeping, JSON values."""

    @property
    def reference_level(self) -> str:
        """``BOA`` for surface reflectance, ``TOA`` for top of atmosphere."""
        return "BOA" if self.level in ("L2A", "L2SP") else "TOA"
