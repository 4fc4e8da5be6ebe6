"""What every task of ours does alike: retry what may pass, fail at once what won't, tell how far it is."""

from __future__ import annotations

import errno
import random
from typing import Any

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded

from earthgazer_core.celery_app import EarthGazerApp
from earthgazer_core.errors import PermanentError, StorageError, TransientError
from earthgazer_core.settings import EarthGazerSettings
from earthgazer_core.tasks.dead_letter import refuse_dead_letter
from earthgazer_core.tasks.progress import ProgressReporter
from earthgazer_core.tasks.resources import Resources, resources_for

LONGEST_DELAY_S = 600.0
"""No retry waits longer, whatever a server asks for."""


class EarthGazerTask(Task):  # type: ignore[type-arg]
    """Base of all tasks.

    A :class:`~earthgazer_core.errors.TransientError` is retried with exponential back-off and jitter, never
    sooner than the other side asked; every other error fails the task at once.
    """

    abstract = True
    # Celery waits this long before it runs again what died with its process
    default_retry_delay = 1
    # retries of transient faults have a limit of their own, and so have those of killed processes
    max_retries = None
    Request = "earthgazer_core.tasks.guarded_request:GuardedRequest"

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Give the task up if it killed too many processes.

        Raises:
            DeadLetterError: it did.
        """
        refuse_dead_letter(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task in the worker's border where foreign faults become ours."""
        try:
            return self.run(*args, **kwargs)
        except TransientError as error:
            limits = self.settings.celery
            delay_s = retry_delay_s(error, self.request.retries, first_s=limits.retry_backoff_s)
            raise self.retry(exc=error, countdown=delay_s, max_retries=limits.max_retries) from error
        except SoftTimeLimitExceeded as error:
            raise PermanentError(
                f"ended after {self.settings.celery.task_soft_time_limit_s} s, the longest a task may take;"
                " ask for a smaller part, or raise EARTHGAZER__CELERY__TASK_SOFT_TIME_LIMIT_S and"
                " EARTHGAZER__CELERY__TASK_TIME_LIMIT_S"
            ) from error
        except MemoryError as error:
            # Celery ends the whole worker for such an error, and the next one that is given the message.
            raise PermanentError(
                f"the system gave this process no more memory ({str(error) or 'out of memory'}); ask for a"
                " smaller part, run fewer processes on the machine, or raise their limit"
            ) from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            where = error.filename or self.settings.storage.data_path
            raise StorageError(
                f"the disk is full: no space left for {where}; free some, then retry this task"
            ) from error

    @property
    def settings(self) -> EarthGazerSettings:
        """The settings of the app that this task runs in."""
        if not isinstance(self.app, EarthGazerApp):
            raise TypeError(f"{self.name} runs in {self.app!r}, which has no settings of ours")
        return self.app.settings

    @property
    def resources(self) -> Resources:
        """Database and object stores of this process."""
        return resources_for(self.settings)

    def progress(self, capture_id: int | None = None) -> ProgressReporter:
        """Return where this run's progress is told to."""
        return ProgressReporter(self, capture_id)


def retry_delay_s(error: TransientError, retries: int, *, first_s: float) -> float:
    """Return how long to wait before the next try.

    Args:
        error: What went wrong; its ``retry_after_s`` is a lower bound.
        retries: Tries that have been repeated already.
        first_s: Delay before the first repetition; each later one doubles.
    """
    backoff_s = min(first_s * 2.0**retries, LONGEST_DELAY_S)
    # half of it is jitter, so that tasks which failed together don't come back together
    jittered_s = backoff_s * random.uniform(0.5, 1.0)  # noqa: S311
    return min(max(jittered_s, error.retry_after_s or 0.0), LONGEST_DELAY_S)
