"""From a capture to the bands that the raster code reads: which files, and how their numbers are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from earthgazer_core.db.tables import AssetRow, CaptureRow
from earthgazer_core.domain.capture import Asset, Capture
from earthgazer_core.domain.mission import Mission, mission
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.raster.radiometry import decide
from earthgazer_core.raster.source import BandSource, RadiometryDecision


@dataclass(frozen=True, slots=True)
class Input:
    """One asset that goes into a product, with the decision about its numbers."""

    asset: AssetRow
    """The file."""
    radiometry: RadiometryDecision | None
    """How its numbers become reflectance; None for a mask."""

    def source(self, path: str, mission_name: str) -> BandSource:
        """Return the band as the raster code takes it, read from ``path``."""
        if self.radiometry is None:
            return BandSource(self.asset.band, path, 1.0, 0.0, None, is_mask=True, mission=mission_name)
        return BandSource(
            self.asset.band, path, self.radiometry.scale, self.radiometry.offset, self.radiometry.nodata,
            mission=mission_name,
        )  # fmt: skip

    def described(self) -> dict[str, Any]:
        """Return what of it decides about the pixels, as JSON values."""
        if self.radiometry is None:
            return {"sha256": self.asset.sha256}
        return {
            "sha256": self.asset.sha256,
            "scale": self.radiometry.scale,
            "offset": self.radiometry.offset,
            "nodata": self.radiometry.nodata,
        }


def band_names(capture: CaptureRow, bands: Sequence[str] | None) -> list[str]:
    """Return the product's own names of the bands asked for, without masks and repetitions.

    Args:
        capture: The capture, with its assets.
        bands: Names as people write them; None means those of NDVI and RGB that the capture has.

    Raises:
        InvalidInputError: the mission has no such band, or the capture came without it.
    """
    its_mission = mission(capture.mission)
    present = [asset.band for asset in capture.assets]
    if bands is None:
        usual = [band for band in its_mission.default_bands() if band in present]
        if not usual:
            raise InvalidInputError(
                f"capture {capture.id} has none of {', '.join(its_mission.default_bands())};"
                f" name the bands you want: it has {', '.join(present) or 'none'}"
            )
        return usual
    names = list(dict.fromkeys(its_mission.band_name(band) for band in bands))
    wanted = [name for name in names if name != its_mission.mask_band]
    missing = [name for name in wanted if name not in present]
    if missing:
        raise InvalidInputError(
            f"capture {capture.id} has no band {', '.join(missing)}; it has {', '.join(present) or 'none'}"
        )
    return wanted


def missing_bands(capture: CaptureRow, common_names: Sequence[str], bands: Sequence[str] | None) -> list[str]:
    """Return, as ``B03 (green)``, which needed bands the capture, or the request, leaves out."""
    its_mission = mission(capture.mission)
    at_hand = [asset.band for asset in capture.assets] if bands is None else band_names(capture, bands)
    return [
        f"{_own_name(its_mission, name)} ({name})"
        for name in common_names
        if its_mission.bands.get(name) not in at_hand
    ]


def inputs_for(capture: CaptureRow, bands: Sequence[str]) -> list[Input]:
    """Return the bands named, and the capture's mask where its policy lets it apply.

    Raises:
        InvalidInputError: it can't be told how the numbers become reflectance.
    """
    its_mission = mission(capture.mission)
    by_band = {asset.band: asset for asset in capture.assets}
    chosen = [Input(by_band[band], radiometry_of(capture, by_band[band])) for band in bands]
    mask = by_band.get(its_mission.mask_band)
    if mask is not None and capture.mask_policy != "none":
        chosen.append(Input(mask, None))
    return chosen


def radiometry_of(capture: CaptureRow | Capture, asset: AssetRow | Asset) -> RadiometryDecision:
    """Return how the numbers of one band become reflectance.

    Raises:
        InvalidInputError: it can't be told.
    """
    return decide(
        mission=capture.mission,
        level=capture.level,
        processing_baseline=capture.processing_baseline,
        sensing_time=capture.sensing_time,
        collection=capture.collection,
        offset_already_applied=capture.offset_already_applied,
        asset_scale=asset.scale,
        asset_offset=asset.offset,
        asset_nodata=asset.nodata,
        product_id=capture.product_id,
    )


def own_bands(capture: CaptureRow, common_names: Sequence[str]) -> list[str]:
    """Return the product's own names of bands given by their common names.

    Raises:
        InvalidInputError: the mission has no such band, or the capture came without it.
    """
    its_mission = mission(capture.mission)
    return band_names(capture, [_own_name(its_mission, name) for name in common_names])


def _own_name(its_mission: Mission, common_name: str) -> str:
    return its_mission.bands.get(common_name, common_name)
