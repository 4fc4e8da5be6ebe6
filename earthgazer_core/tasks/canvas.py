"""Steps of a capture as Celery signatures, each immutable: what a step needs, the database tells it.

Captures side by side are plain chains below one chord. A group inside such a chain would be lost for good
when a step before it fails: Celery then counts one part of the chord instead of two, and its body never
runs, nor is it ever told to have failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from celery import chain, chord
from celery.canvas import Signature

from earthgazer_core.tasks.analysis import temporal_analysis_task
from earthgazer_core.tasks.closing import summarize_capture_task, summarize_captures_task
from earthgazer_core.tasks.products import (
    compute_index_task,
    compute_ndvi_task,
    generate_rgb_task,
    stack_and_crop_task,
)
from earthgazer_core.tasks.transfer import backup_capture_task, download_bands_task


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is to be made of each capture."""

    bands: tuple[str, ...] | None = None
    """Bands wanted; None means those of NDVI and RGB that a capture has."""
    bounds: tuple[float, float, float, float] | None = None
    """Part wanted, (west, south, east, north) in degrees; None means the whole scene."""
    indices: tuple[str, ...] = ("ndvi",)
    """Spectral indices, by name."""
    force: bool = False
    """Whether what is there already is made again."""
    backup: bool = False
    """Whether files are backed up before they are read."""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, to be shown with a run."""
        return {
            "bands": list(self.bands) if self.bands is not None else None,
            "bounds": list(self.bounds) if self.bounds is not None else None,
            "indices": list(self.indices),
            "force": self.force,
        }


def side_by_side(capture_id: int, recipe: Recipe) -> Signature[Any]:
    """Return one capture's way through the pipeline, products in parallel at its end, then a summary."""
    products = _products(capture_id, recipe)
    kinds = [*recipe.indices, "rgb"]
    closing = summarize_capture_task.s(capture_id=capture_id, kinds=kinds)
    return chain(*_preparation(capture_id, recipe), chord(products, closing))


def in_turn(capture_id: int, recipe: Recipe) -> Signature[Any]:
    """Return one capture's way through the pipeline as a plain chain, fit to be part of a chord."""
    return chain(*_preparation(capture_id, recipe), *_products(capture_id, recipe))


def all_of(ways: Sequence[Signature[Any]], closing: Signature[Any]) -> Signature[Any]:
    """Return all captures' ways in parallel, and after the last of them the closing step.

    If captures fail, the closing step runs nevertheless, for the others, as a task of its own; the
    workflow itself counts as failed. When an operator has retried what failed, the workflow's own closing
    step runs as well, and replaces what the first one said.
    """
    return chord(list(ways), closing.on_error(closing.clone())) if ways else closing


def analysis(
    recipe: Recipe, *, location_ids: Sequence[int] | None = None, capture_ids: Sequence[int] | None = None
) -> Signature[Any]:
    """Return the temporal analysis as a closing step."""
    return temporal_analysis_task.si(
        location_ids=list(location_ids) if location_ids is not None else None,
        capture_ids=list(capture_ids) if capture_ids is not None else None,
        bounds=list(recipe.bounds) if recipe.bounds is not None else None,
    )


def summary_of(capture_ids: Sequence[int]) -> Signature[Any]:
    """Return a summary of several captures as a closing step."""
    return summarize_captures_task.si(capture_ids=list(capture_ids))


def _preparation(capture_id: int, recipe: Recipe) -> list[Signature[Any]]:
    bands = list(recipe.bands) if recipe.bands is not None else None
    bounds = list(recipe.bounds) if recipe.bounds is not None else None
    steps = [
        download_bands_task.si(capture_id=capture_id, bands=bands),
        stack_and_crop_task.si(capture_id=capture_id, bands=bands, bounds=bounds, force=recipe.force),
    ]
    if recipe.backup:
        steps.insert(0, backup_capture_task.si(capture_id=capture_id, bands=bands))
    return steps


def _products(capture_id: int, recipe: Recipe) -> list[Signature[Any]]:
    bands = list(recipe.bands) if recipe.bands is not None else None
    bounds = list(recipe.bounds) if recipe.bounds is not None else None
    common = {"capture_id": capture_id, "bounds": bounds, "force": recipe.force}
    indices = [
        compute_ndvi_task.si(bands=bands, **common)
        if index == "ndvi"
        else compute_index_task.si(index=index, **common)
        for index in recipe.indices
    ]
    return [*indices, generate_rgb_task.si(bands=bands, **common)]
