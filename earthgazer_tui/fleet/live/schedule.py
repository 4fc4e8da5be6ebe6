"""Periodic tasks: thin over the operations, which check, act and note; blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database
from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations import schedule as operations
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.models import ActionResult, PeriodicTask


def list_schedule(session: Session) -> tuple[PeriodicTask, ...]:
    """Return all periodic tasks by name."""
    return tuple(_shown(entry) for entry in operations.list_schedule(session))


class ScheduleActions:
    """What an operator does to periodic tasks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def run(self, names: Sequence[str]) -> ActionResult:
        """Send these at once."""
        database, app, context = self._database, self._services.need_app(), self._services.context

        def run(name: str) -> str:
            sent = operations.run_now(database, app, name, context=context)
            return f"sent {name} as {sent.task_id}"

        return _each(names, run)

    def switch(self, names: Sequence[str], is_enabled: bool) -> ActionResult:
        """Switch these on or off."""
        database, context = self._database, self._services.context

        def switch(name: str) -> str:
            entry = operations.set_enabled(database, name, is_enabled, context=context)
            return f"{name} is {'on' if entry.enabled else 'off'}"

        return _each(names, switch)

    def set_interval(self, names: Sequence[str], seconds: float | None) -> ActionResult:
        """Give these an interval of their own; None gives back what the code says."""
        database, context = self._database, self._services.context

        def change(name: str) -> str:
            entry = operations.set_interval(database, name, seconds, context=context)
            return f"{name}: {entry.timing}"

        return _each(names, change)

    @property
    def _database(self) -> Database:
        if self._services.database is None:
            raise RefusedError("the schedule is kept in the database, and none is configured")
        return self._services.database


def _each(names: Sequence[str], act: Callable[[str], str]) -> ActionResult:
    """Return what became of each; an error of the only one passes."""
    done: list[str] = []
    failed: list[str] = []
    for name in names:
        try:
            done.append(act(name))
        except EarthGazerError as error:
            if len(names) == 1:
                raise
            failed.append(f"{name}: {error}")
    shown = done[0] if len(done) == 1 else f"{len(done)} done: {', '.join(names)}"
    summary = f"{len(done)} done; failed {len(failed)}: {failed[0]}" if failed else shown
    return ActionResult(not failed, sanitise.url(summary))


def _shown(entry: operations.PeriodicTask) -> PeriodicTask:
    return PeriodicTask(
        name=sanitise.name(entry.name),
        task=sanitise.name(entry.task),
        timing=sanitise.name(entry.timing),
        code_timing=sanitise.name(entry.code_timing),
        interval_s=entry.interval_s,
        is_changed=entry.is_changed,
        is_enabled=entry.enabled,
        next_run_at=entry.next_run_at,
        is_late=entry.is_late,
        last_run_at=entry.last_run_at,
        last_task_id=sanitise.optional(entry.last_task_id),
        last_state=sanitise.optional(entry.last_state),
        last_runtime_s=entry.last_runtime_s,
        last_error=sanitise.url(entry.last_error),
        total_runs=entry.total_runs,
    )
