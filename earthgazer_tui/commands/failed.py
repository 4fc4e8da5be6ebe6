"""Commands on failed, revoked and unfinished tasks; what runs them again is beside."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.question import Question
from earthgazer_tui.fleet.models import ActionResult, TaskRow
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted, leaf_name

FINISHED = frozenset({"SUCCESS", "FAILURE", "REVOKED", "REJECTED", "IGNORED"})
"""States in which a task has ended."""


def _ids(tasks: Sequence[TaskRow]) -> list[str]:
    return [task.task_id for task in tasks]


def _describe(task: TaskRow) -> str:
    capture = f" #{task.capture_id}" if task.capture_id is not None else ""
    return f"{leaf_name(task.name)}{capture}  {task.task_id[:8]}  {task.state}"


class OpenTask(Command):
    """Open the task under the cursor: traceback, arguments, timeline, retry."""

    id = "task.open"
    key = "o"
    title = "Open"
    action = "open_row"
    key_display = "enter"


class NextFailedView(Command):
    """Show failures by kind, the dead letters alone, or each failure again."""

    id = "failed.next-view"
    key = "tab"
    title = "Kinds"
    action = "next_view"


class _EndTasks(FleetCommand[TaskRow]):
    """Base of the commands that end tasks."""

    verb = "Revoke"
    note = ""
    terminate = False

    def refusal(self, subjects: Sequence[TaskRow]) -> str:
        """Refuse where every task has ended."""
        if all(task.state in FINISHED for task in subjects):
            return "already ended: nothing to revoke" if len(subjects) == 1 else "all of these have ended"
        return ""

    async def ask(self, fleet: Fleet, subjects: Sequence[TaskRow]) -> Question | None:
        """Ask always: what a revoked task was to do is not done."""
        tasks = [task for task in subjects if task.state not in FINISHED]
        return Question(
            title=f"{self.verb} {counted(len(tasks), 'task')}?",
            lines=tuple(_describe(task) for task in tasks),
            note=self.note,
            yes=self.verb,
        )

    async def run(self, fleet: Fleet, subjects: Sequence[TaskRow]) -> ActionResult:
        """Revoke those that have not ended."""
        tasks = [task for task in subjects if task.state not in FINISHED]
        return await fleet.revoke(_ids(tasks), terminate=self.terminate)


class RevokeTasks(_EndTasks):
    """Revoke unfinished tasks: those that wait will not run, those that run go on to their end."""

    id = "task.revoke"
    key = "V"
    title = "Revoke"
    note = "What runs already goes on to its end."


class TerminateTasks(_EndTasks):
    """Revoke unfinished tasks and end the processes of those that run."""

    id = "task.terminate"
    key = "X"
    title = "Terminate"
    verb = "Terminate"
    note = "Work done so far by those that run is lost."
    terminate = True
    in_footer = False


class DismissTasks(FleetCommand[TaskRow]):
    """Take the marked failures, or the one under the cursor, from the list; their history stays."""

    id = "task.dismiss"
    key = "D"
    title = "Dismiss"

    async def ask(self, fleet: Fleet, subjects: Sequence[TaskRow]) -> Question | None:
        """Ask above one task."""
        if len(subjects) < 2:
            return None
        return Question(
            title=f"Dismiss {len(subjects)} failures?",
            lines=tuple(_describe(task) for task in subjects),
            note="Their history stays.",
            yes="Dismiss",
        )

    async def run(self, fleet: Fleet, subjects: Sequence[TaskRow]) -> ActionResult:
        """Take them from the list."""
        return await fleet.dismiss(_ids(subjects))
