"""When a task is given up because it kills the processes that it runs in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from earthgazer_core.errors import DeadLetterError, EarthGazerError
from earthgazer_core.recorder.install import recorders
from earthgazer_core.recorder.kills import recorded_kills

if TYPE_CHECKING:
    from earthgazer_core.tasks.base import EarthGazerTask

logger = logging.getLogger(__name__)

KILLS = 2
"""A task that was killed so often in one attempt is not run a third time."""
KILLS_HEADER = "kills"
"""Header of a message that Celery published again: ``attempt:kills`` so far."""
_RECORDED_WITHIN_S = 5.0


def given_up(reason: str) -> DeadLetterError:
    """Return the error of a task that is given up."""
    return DeadLetterError(
        f"given up after its process was killed {KILLS} times ({reason}): out of memory, or a crash of"
        " native code; see to the cause, then retry it"
    )


def kills_so_far(header: object, attempt: int) -> int:
    """Return the kills that a header tells of for this attempt."""
    known, _, kills = str(header or "").partition(":")
    return int(kills) if known == str(attempt) and kills.isdecimal() else 0


def refuse_dead_letter(task: EarthGazerTask) -> None:
    """Give a task up that begins for the third time though nothing ever said how it ended.

    Only a message that came before can be such a one, so that others wait for nothing. Where the
    database does not answer, the task runs: nobody can tell then.

    Raises:
        DeadLetterError: it is given up.
    """
    request = task.request
    is_redelivered = (request.delivery_info or {}).get("redelivered")
    if request.is_eager or not (is_redelivered or request.get(KILLS_HEADER)):
        return
    # This start has to outlive the process if it is killed at once, and those before have to be counted.
    is_recorded = all(recorder.writer.flush(_RECORDED_WITHIN_S) for recorder in recorders(task.app))
    try:
        with task.resources.database.session() as session:
            kills = recorded_kills(session, str(request.id), int(request.get("attempt") or 1))
    except EarthGazerError as error:
        logger.warning("earlier starts of %s are not known: %s", request.id, error)
        return
    if not is_recorded:
        logger.warning("the start of %s is not on the record yet", request.id)
    if kills >= KILLS:
        raise given_up("a worker died with it")
