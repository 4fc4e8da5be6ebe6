"""The public workflows: each publishes its canvas and returns at once; none waits inside.

What a workflow was started with and which tasks belong to it is kept as a run by the flight recorder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from celery import Celery, chain, current_app
from celery.canvas import Signature
from celery.result import AsyncResult, denied_join_result
from kombu.exceptions import OperationalError

from earthgazer_core import recorder
from earthgazer_core.domain.mission import mission
from earthgazer_core.errors import InvalidInputError, ServiceUnavailableError
from earthgazer_core.tasks import discover_images_task
from earthgazer_core.tasks.canvas import Recipe, all_of, analysis, in_turn, side_by_side, summary_of
from earthgazer_core.tasks.planning import plan_pipeline_task, plan_reprocessing_task, recipe_of

Bounds = tuple[float, float, float, float]
"""(west, south, east, north) in degrees."""


class WorkflowResult(AsyncResult):  # type: ignore[type-arg]
    """The result of a workflow's last step, which knows the run that it belongs to."""

    def __init__(self, last: AsyncResult[Any], run_id: str, app: Celery) -> None:
        super().__init__(last.id, app=app, parent=last.parent)
        self.run_id = run_id
        """Id of the run in the flight recorder."""


def process_single_capture_workflow(
    capture_id: int,
    bands: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    *,
    indices: Sequence[str] = ("ndvi",),
    force: bool = False,
) -> WorkflowResult:
    """Process one capture: download, stack and crop, then its indices and true colour in parallel.

    Args:
        capture_id: The capture.
        bands: Bands wanted; None means those of NDVI and RGB that the capture has.
        bounds: Part wanted; None means the whole scene.
        indices: Spectral indices, by name.
        force: Make again what is there already.

    Returns:
        The result of the last step, ``{"capture_id": …, "ndvi": path, "rgb": path or {"skipped": reason}}``.

    Raises:
        InvalidInputError: bounds or an index that can't be.
        ServiceUnavailableError: the broker can't be reached.
    """
    recipe = _recipe(bands, bounds, indices, force)
    return _publish(
        "process_single_capture",
        {"capture_id": capture_id, **recipe.as_json()},
        side_by_side(capture_id, recipe),
    )


def process_multiple_captures_workflow(
    capture_ids: Sequence[int],
    bands: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    run_temporal_analysis: bool = True,
    *,
    indices: Sequence[str] = ("ndvi",),
    force: bool = False,
) -> WorkflowResult:
    """Process captures in parallel, then analyse the places that they show over time.

    A capture that fails does not keep the others from being analysed; the workflow counts as failed then.

    Raises:
        InvalidInputError: no capture, bounds or an index that can't be.
        ServiceUnavailableError: the broker can't be reached.
    """
    ids = list(dict.fromkeys(capture_ids))
    if not ids:
        raise InvalidInputError("no captures to process")
    recipe = _recipe(bands, bounds, indices, force)
    closing = analysis(recipe, capture_ids=ids) if run_temporal_analysis else summary_of(ids)
    canvas = all_of([in_turn(one, recipe) for one in ids], closing)
    parameters = {"capture_ids": ids, "run_temporal_analysis": run_temporal_analysis, **recipe.as_json()}
    return _publish("process_multiple_captures", parameters, canvas)


def full_pipeline_workflow(
    location_ids: Sequence[int] | None = None,
    bands: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    mission_filter: str | None = None,
    *,
    indices: Sequence[str] = ("ndvi",),
    force: bool = False,
) -> WorkflowResult:
    """Discover, back up, process and analyse locations.

    Args:
        location_ids: The locations; None means every active one.
        bands: Bands wanted; None means those of NDVI and RGB.
        bounds: Part wanted; None means each location's own rectangle.
        mission_filter: The one mission wanted.
        indices: Spectral indices, by name.
        force: Make again what is there already.

    Raises:
        InvalidInputError: a mission, bounds or an index that can't be.
        ServiceUnavailableError: the broker can't be reached.
    """
    recipe = _recipe(bands, bounds, indices, force)
    wanted = mission(mission_filter).name if mission_filter else None
    places = list(location_ids) if location_ids is not None else None
    parameters = {"location_ids": places, "mission_filter": wanted, **recipe.as_json()}
    canvas = chain(
        discover_images_task.si(location_ids=places, mission_filter=wanted),
        plan_pipeline_task.si(**parameters),
    )
    return _publish("full_pipeline", parameters, canvas)


def reprocess_existing_captures_workflow(
    mission_filter: str | None = None,
    limit: int | None = None,
    bands: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    *,
    indices: Sequence[str] = ("ndvi",),
) -> WorkflowResult:
    """Make the products of the newest captures whose files we hold once more.

    Args:
        mission_filter: The one mission wanted.
        limit: At most so many captures.
        bands: Bands wanted; None means those of NDVI and RGB that a capture has.
        bounds: Part wanted; None means the whole scene.
        indices: Spectral indices, by name.

    Raises:
        InvalidInputError: a mission, a limit, bounds or an index that can't be.
        ServiceUnavailableError: the broker can't be reached.
    """
    if limit is not None and limit < 1:
        raise InvalidInputError(f"limit {limit}: at least one capture")
    recipe = _recipe(bands, bounds, indices, force=True)
    parameters = {
        "mission_filter": mission(mission_filter).name if mission_filter else None,
        "limit": limit,
        "bands": list(recipe.bands) if recipe.bands is not None else None,
        "bounds": list(recipe.bounds) if recipe.bounds is not None else None,
        "indices": list(recipe.indices),
    }
    return _publish("reprocess_existing_captures", parameters, plan_reprocessing_task.si(**parameters))


def discover_workflow(
    location_ids: Sequence[int] | None = None, mission_filter: str | None = None
) -> WorkflowResult:
    """Ask the catalogue for new captures of locations, and no more.

    Raises:
        InvalidInputError: no such mission.
        ServiceUnavailableError: the broker can't be reached.
    """
    parameters = {
        "location_ids": list(location_ids) if location_ids is not None else None,
        "mission_filter": mission(mission_filter).name if mission_filter else None,
    }
    return _publish("discover", parameters, discover_images_task.si(**parameters))


def _recipe(
    bands: Sequence[str] | None, bounds: Bounds | None, indices: Sequence[str], force: bool
) -> Recipe:
    from earthgazer_core.raster.indices import index_named

    names = tuple(dict.fromkeys(index_named(index).name for index in indices))
    return recipe_of(bands, bounds, names, force)


def _publish(name: str, parameters: Mapping[str, Any], canvas: Signature[Any]) -> WorkflowResult:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    # configured first, because that installs the recorder which has to see the run begin
    app.conf.broker_url  # noqa: B018
    try:
        # publishing would else subscribe to the result of each step, and unsubscribe when the objects go,
        # if need be at the interpreter's end; who waits for one subscribes then
        with recorder.run_scope(name, parameters) as run_id, denied_join_result():
            return WorkflowResult(canvas.apply_async(), run_id, app)
    except OperationalError as error:
        raise ServiceUnavailableError(f"the broker can't be reached: {error}") from error
