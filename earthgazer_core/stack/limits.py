"""What the user's own settings say about the workers of a stack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Limits that concern the supervisor too."""

    longest_task_s: float
    """Hard time limit of a task."""
    concurrency: int | None
    """Processes in each worker's pool; the profile's own number if None."""


def read_limits() -> WorkerLimits:
    """Return the limits of the environment and ``.env``.

    Raises:
        InvalidInputError: a setting is wrong; the workers would die of it one by one.
    """
    # Imported here: settings bring SQLAlchemy, which is imported while the servers start.
    from earthgazer_core.settings import load_settings

    celery = load_settings().celery
    return WorkerLimits(float(celery.task_time_limit_s), celery.worker_concurrency)
