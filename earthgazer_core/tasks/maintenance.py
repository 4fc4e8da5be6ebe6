"""The tasks that tidy up."""

from __future__ import annotations

import shutil
import time

from celery import shared_task

from earthgazer_core.tasks.base import EarthGazerTask


@shared_task(bind=True, base=EarthGazerTask, name="earthgazer.maintenance.sweep_work_files")
def sweep_work_files_task(self: EarthGazerTask, older_than_s: float | None = None) -> int:
    """Remove what killed tasks left in the work directory and return how many leftovers that were.

    Args:
        older_than_s: Age that no running task can have reached; None means twice the hard time limit.
    """
    limit_s = 2 * self.settings.celery.task_time_limit_s if older_than_s is None else older_than_s
    directory = self.resources.work_path
    if not directory.is_dir():
        return 0
    old = [path for path in directory.iterdir() if path.stat().st_mtime < time.time() - limit_s]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)
