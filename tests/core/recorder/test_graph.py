"""What a message foretells of its workflow."""

from __future__ import annotations

from celery import Celery

from earthgazer_core.recorder.graph import Forecast
from earthgazer_core.recorder.redaction import Redactor


def test_the_body_of_a_chord_that_a_task_puts_in_its_place_is_known_as_one() -> None:
    """It has the id of that task, which is known before the chord's members are published."""
    app = Celery("graph", set_as_current=False)
    forecast = Forecast("run", 1, Redactor(app, ()), running="plan")
    forecast.message({"id": "plan", "task": "steps.plan"}, {}, (), is_announced=True)
    body = {"task": "steps.total", "args": [], "kwargs": {}, "options": {"task_id": "plan"}}
    member = {"id": "a", "task": "steps.add", "group": "g", "group_index": 0, "parent_id": "plan"}
    forecast.message(member, {"chord": body}, ["plan"], is_announced=False)
    assert forecast.steps["plan"]["chord_size"] == 1
    assert forecast.steps["a"]["chord_size"] is None
    app.close()
