"""The tasks that put the work that they find in their own place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import shared_task
from celery.canvas import Signature
from sqlalchemy.orm import Session

from earthgazer_core.db.repositories import artifacts, captures, locations
from earthgazer_core.db.tables import CaptureRow, LocationRow
from earthgazer_core.domain.mission import mission
from earthgazer_core.tasks.base import EarthGazerTask
from earthgazer_core.tasks.canvas import Recipe, all_of, analysis, in_turn, summary_of


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.default.plan_pipeline")
def plan_pipeline_task(
    self: EarthGazerTask,
    location_ids: Sequence[int] | None = None,
    bands: Sequence[str] | None = None,
    bounds: Sequence[float] | None = None,
    mission_filter: str | None = None,
    indices: Sequence[str] = ("ndvi",),
    force: bool = False,
) -> Any:
    """Become the work on every capture of the locations that lacks an index, and then their analysis.

    Each location is cropped to its own rectangle unless bounds are given. What an earlier run left
    unfinished is found again here, so running it once more completes it.
    """
    recipe = recipe_of(bands, bounds, indices, force, backup=True)
    wanted = mission(mission_filter).name if mission_filter else None
    ways: list[Signature[Any]] = []
    with self.resources.database.session() as session:
        watched = locations.find(session, ids=location_ids, active_only=location_ids is None)
        for location in watched:
            here = recipe if recipe.bounds else _cropped(recipe, location)
            ways += [in_turn(capture.id, here) for capture in _unfinished(session, location, here, wanted)]
    raise self.replace(all_of(ways, analysis(recipe, location_ids=[location.id for location in watched])))


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.default.plan_reprocessing")
def plan_reprocessing_task(
    self: EarthGazerTask,
    mission_filter: str | None = None,
    limit: int | None = None,
    bands: Sequence[str] | None = None,
    bounds: Sequence[float] | None = None,
    indices: Sequence[str] = ("ndvi",),
) -> Any:
    """Become the work on the newest captures whose files we hold, made again, and then a summary."""
    recipe = recipe_of(bands, bounds, indices, force=True)
    wanted = mission(mission_filter).name if mission_filter else None
    with self.resources.database.session() as session:
        held = captures.find(session, mission=wanted, held_only=True, newest_versions_only=True, limit=limit)
    ids = [capture.id for capture in held]
    raise self.replace(all_of([in_turn(one, recipe) for one in ids], summary_of(ids)))


def recipe_of(
    bands: Sequence[str] | None,
    bounds: Sequence[float] | None,
    indices: Sequence[str],
    force: bool,
    *,
    backup: bool = False,
) -> Recipe:
    """Return the recipe that plain JSON arguments describe.

    Raises:
        InvalidInputError: bounds that are no rectangle.
    """
    from earthgazer_core.tasks.products import bbox_of

    box = bbox_of(bounds)
    return Recipe(
        bands=tuple(bands) if bands is not None else None,
        bounds=box.as_tuple() if box is not None else None,
        indices=tuple(indices),
        force=force,
        backup=backup,
    )


def _cropped(recipe: Recipe, location: LocationRow) -> Recipe:
    box = locations.bbox_of(location).as_tuple()
    return Recipe(recipe.bands, box, recipe.indices, recipe.force, recipe.backup)


def _unfinished(
    session: Session, location: LocationRow, recipe: Recipe, mission_name: str | None
) -> list[CaptureRow]:
    shown = captures.find(session, location_id=location.id, mission=mission_name, newest_versions_only=True)
    dated = [capture for capture in shown if _is_wanted(location, capture)]
    if recipe.force:
        return dated
    made: dict[int, set[str]] = {}
    for artifact in artifacts.find(session, capture_ids=[capture.id for capture in dated]):
        if artifact.parameters.get("bbox") == list(recipe.bounds or ()):
            made.setdefault(artifact.capture_id, set()).add(artifact.kind)
    return [capture for capture in dated if not made.get(capture.id, set()).issuperset(recipe.indices)]


def _is_wanted(location: LocationRow, capture: CaptureRow) -> bool:
    day = capture.sensing_time.date()
    return (location.from_date is None or location.from_date <= day) and (
        location.to_date is None or day <= location.to_date
    )
