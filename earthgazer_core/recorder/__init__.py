"""The flight recorder: signals of publishers and workers become durable history.

It needs nothing of EarthGazer's tasks and works in any Celery app.
"""

from earthgazer_core.recorder.install import Recorder, install, note_progress
from earthgazer_core.recorder.scope import run_scope

__all__ = ["Recorder", "install", "note_progress", "run_scope"]
