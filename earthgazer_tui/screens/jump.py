"""From an id to the screen of what has it; one that nothing has opens nothing."""

from __future__ import annotations

import re

from earthgazer_tui.fleet.errors import FleetError, NotFoundError
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.screens.base import FleetScreen
from earthgazer_tui.state.session import Session

SHORT_ID = re.compile(r"[\w-]{4,}")
"""Beginning of an id that is long enough to look for."""


async def task_screen(session: Session, task_id: str) -> FleetScreen:
    """Return the screen of a task.

    Args:
        session: The console.
        task_id: Its id, or a beginning of it that only one of the tasks known has.

    Raises:
        NotFoundError: no task has it, or several do.
    """
    from earthgazer_tui.screens.task_detail import TaskDetailScreen

    return TaskDetailScreen(session, await _whole_id(session.fleet, task_id))


async def run_screen(session: Session, run_id: str) -> FleetScreen:
    """Return the screen of a workflow run.

    Raises:
        NotFoundError: there is none.
    """
    from earthgazer_tui.screens.run_detail import RunDetailScreen

    return RunDetailScreen(session, (await session.fleet.run(run_id)).row)


async def capture_screen(session: Session, number: str) -> FleetScreen:
    """Return the screen of a capture.

    Raises:
        NotFoundError: there is none.
    """
    from earthgazer_tui.screens.capture_detail import CaptureDetailScreen

    digits = number.removeprefix("#")
    if not digits.isdecimal() or len(digits) > 18:
        raise NotFoundError(f"a capture has a number such as 12, not {number!r}")
    await session.fleet.capture(int(digits))
    return CaptureDetailScreen(session, int(digits))


SCREENS = {"task": task_screen, "run": run_screen, "capture": capture_screen}
"""What can be jumped to."""


async def _whole_id(fleet: Fleet, task_id: str) -> str:
    try:
        await fleet.task(task_id)
    except NotFoundError:
        if not SHORT_ID.fullmatch(task_id):
            raise
        try:
            rows = await fleet.tasks(f"id:{task_id}*")
        except FleetError:
            rows = ()
        found = [row.task_id for row in rows if row.task_id.startswith(task_id)]
        if len(found) > 1:
            raise NotFoundError(f"{len(found)} tasks have ids that begin with {task_id}") from None
        if not found:
            raise
        return found[0]
    return task_id
