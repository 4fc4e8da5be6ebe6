"""The tasks of EarthGazer: each parses, calls, saves and reports progress; science is elsewhere."""

# First, so that tasks called from a plain script belong to our app and not to Celery's default one.
from earthgazer_core.celery_app import app as app  # isort: skip
from earthgazer_core.tasks.analysis import temporal_analysis_task
from earthgazer_core.tasks.discovery import discover_images_task
from earthgazer_core.tasks.products import (
    compute_index_task,
    compute_ndvi_task,
    generate_rgb_task,
    stack_and_crop_task,
)
from earthgazer_core.tasks.transfer import backup_capture_task, download_bands_task

__all__ = [
    "backup_capture_task",
    "compute_index_task",
    "compute_ndvi_task",
    "discover_images_task",
    "download_bands_task",
    "generate_rgb_task",
    "stack_and_crop_task",
    "temporal_analysis_task",
]
