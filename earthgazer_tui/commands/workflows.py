"""Commands on workflow runs."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.question import Question
from earthgazer_tui.commands.retry import describe
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.models import ActionResult, ResumePlan, RunRow
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted

ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""States of a run that has come to its end."""


def unfinished(run: RunRow) -> int:
    """Return how many steps of a run are yet to end."""
    return max(0, run.total - run.done - run.failed)


class OpenRun(Command):
    """Open the run under the cursor as a tree of its steps."""

    id = "run.open"
    key = "o"
    title = "Open"
    action = "open_row"
    key_display = "enter"


class OpenStep(Command):
    """Open the task of the step under the cursor."""

    id = "run.open-step"
    key = "o"
    title = "Open task"
    action = "open_row"
    key_display = "enter"


class NextRunView(Command):
    """Show the run by time, waiting and running, or as a tree again."""

    id = "run.next-view"
    key = "tab"
    title = "Tree/time"
    action = "next_view"


class CancelRun(FleetCommand[RunRow]):
    """Cancel the run: revoke its unfinished steps, those yet to be published included."""

    id = "run.cancel"
    key = "C"
    title = "Cancel run"

    def refusal(self, subjects: Sequence[RunRow]) -> str:
        """Refuse where nothing is left to cancel."""
        if all(run.state in ENDED and not unfinished(run) for run in subjects):
            return "nothing to cancel: every step has ended"
        return ""

    async def ask(self, fleet: Fleet, subjects: Sequence[RunRow]) -> Question | None:
        """Ask always, with what would be ended."""
        steps = sum(unfinished(run) for run in subjects)
        running = sum(run.running for run in subjects)
        what = f"the run {subjects[0].name}" if len(subjects) == 1 else f"{len(subjects)} runs"
        note = f"{counted(running, 'step')} running now will be ended." if running else ""
        return Question(
            title=f"Cancel {what}: {counted(steps, 'step')} of {sum(run.total for run in subjects)}?",
            lines=tuple(
                f"{run.name} {run.subject}  {run.done} done, {run.running} running, {unfinished(run)} to end"
                for run in subjects
            ),
            note=note,
            yes="Cancel run" if len(subjects) == 1 else "Cancel runs",
        )

    async def run(self, fleet: Fleet, subjects: Sequence[RunRow]) -> ActionResult:
        """Cancel one run after the other."""
        results = [await fleet.cancel_run(run.run_id) for run in subjects]
        if len(results) == 1:
            return results[0]
        failed = [result for result in results if not result.is_ok]
        return ActionResult(
            is_ok=not failed,
            summary=failed[0].summary if failed else f"{counted(len(results), 'run')} cancelled",
            replies=tuple(reply for result in results for reply in result.replies),
        )


class ResumeRun(FleetCommand[RunRow]):
    """Resume the run: all that failed, was revoked or never ran, and nothing that succeeded."""

    id = "run.resume"
    key = "R"
    title = "Resume"

    async def ask(self, fleet: Fleet, subjects: Sequence[RunRow]) -> Question | None:
        """Ask always, with what would be sent where."""
        plans = [(run, await fleet.plan_resume(run.run_id)) for run in subjects]
        lines: list[str] = []
        for run, plan in plans:
            if len(plans) > 1:
                lines.append(f"{run.name} {run.subject}: {plan.summary}".replace(" :", ":"))
            lines += [describe(item) for item in plan.items]
        if len(plans) == 1:
            return _resume_question(plans[0][0], plans[0][1], tuple(lines))
        refused = sum(bool(plan.refusal) for _, plan in plans)
        return Question(
            title=f"Resume {counted(len(plans) - refused, 'run')}?",
            lines=tuple(lines),
            note=f"{counted(refused, 'run')} can't be resumed." if refused else "",
            yes="Resume",
            is_destructive=False,
        )

    async def run(self, fleet: Fleet, subjects: Sequence[RunRow]) -> ActionResult:
        """Resume one run after the other; one that is refused keeps no other back."""
        results = []
        for run in subjects:
            try:
                results.append(await fleet.resume_run(run.run_id))
            except RefusedError as error:
                results.append(ActionResult(False, str(error)))
        if len(results) == 1:
            return results[0]
        failed = [result for result in results if not result.is_ok]
        words = f"{len(results) - len(failed)} of {counted(len(results), 'run')} resumed"
        return ActionResult(not failed, f"{words}: {failed[0].summary}" if failed else words)


class ResumeThisRun(ResumeRun):
    """Resume the whole run: all its steps that failed, were revoked or never ran."""

    id = "run.resume-this"
    key = "U"
    title = "Resume run"


def _resume_question(run: RunRow, plan: ResumePlan, lines: tuple[str, ...]) -> Question:
    if plan.refusal:
        raise RefusedError(plan.refusal)
    return Question(
        title=f"Resume {run.name}?", lines=lines, note=plan.summary, yes="Resume", is_destructive=False
    )
