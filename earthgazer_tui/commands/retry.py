"""Commands that run tasks again: one, several, all that match, or one with other arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.failed import FINISHED
from earthgazer_tui.commands.question import Question, RetryQuestion
from earthgazer_tui.fleet.models import ActionResult, RetryMode, RetryOrder, RetryPlan, RetryPlanItem, TaskRow
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted, leaf_name

_RATE = re.compile(r"\s*\d+(\.\d+)?\s*(/\s*[smh])?\s*")


def rate_complaint(text: str) -> str:
    """Return what is wrong with a rate; empty where it will do, as no rate does."""
    if not text.strip():
        return ""
    found = _RATE.fullmatch(text)
    number = float(text.split("/")[0]) if found is not None else 0.0
    return "" if 0 < number <= 1_000_000 else "a rate is expected: 5/s, 30/m or 100/h; empty for no limit"


class RetryTasks(FleetCommand[TaskRow]):
    """Retry the marked tasks, the one under the cursor, or all that match: their messages are sent again."""

    id = "task.retry"
    key = "R"
    title = "Retry"
    does_all_matching = True

    def __init__(self) -> None:
        self._plan = RetryPlan(())

    def refusal(self, subjects: Sequence[TaskRow]) -> str:
        """Refuse tasks that have not ended."""
        if self.matching is not None:
            return ""
        running = [task for task in subjects if task.state not in FINISHED and task.blocked_by is None]
        return f"{counted(len(running), 'task')} not ended yet: revoke first" if running else ""

    async def ask(self, fleet: Fleet, subjects: Sequence[TaskRow]) -> Question | None:
        """Ask always, with what would be sent where."""
        matching = None if self.matching is None else self.matching.filter_text
        ids = [task.task_id for task in subjects] if matching is None else []
        plan = self._plan = await fleet.plan_retry(ids, matching=matching)
        return retry_question(plan)

    def bulk(self) -> RetryOrder | None:
        """Return the order for more than one."""
        ids = self._plan.ids
        if len(ids) < 2:
            return None
        said = "" if self.matching is None else self.matching.filter_text or "(all)"
        return RetryOrder(ids, self.answer.copy, self.answer.rate.strip(), said)

    async def run(self, fleet: Fleet, subjects: Sequence[TaskRow]) -> ActionResult:
        """Send one message again."""
        return await fleet.retry(self._plan.ids, copy=self.answer.copy)


class EditRetry(Command):
    """Change the arguments of the task under the cursor, look at the difference, and send it as a copy."""

    id = "task.edit-retry"
    key = "A"
    title = "Edit & retry"
    action = "edit_retry"
    changes_world = True
    aliases = ("edit",)


class ShowBulkRetry(Command):
    """Show how far the retry of many tasks is, and stop it there."""

    id = "task.under-way"
    key = "b"
    title = "Under way"
    action = "show_bulk_retry"
    in_footer = False


def retry_question(plan: RetryPlan) -> RetryQuestion:
    """Return what to ask before a retry, with the dry run."""
    total = len(plan.ids)
    refused = sum(item.mode == RetryMode.REFUSED for item in plan.items)
    is_listed_whole = len(plan.items) >= total
    able = total - refused
    notes = []
    if refused:
        notes.append(f"{counted(refused, 'task')} can't be retried, left as they are.")
    if plan.note:
        notes.append(f"{plan.note[0].upper()}{plan.note[1:]}.")
    if able:
        notes.append("Each is checked again at its moment.")
    title = f"Retry {counted(able, 'task')}?" if able else "Nothing of this can be retried"
    can_copy = any(item.mode == RetryMode.IN_PLACE for item in plan.items)
    head = _counted(plan) if not is_listed_whole else []
    more = [] if is_listed_whole else [f"… and {total - len(plan.items)} more"]
    return RetryQuestion(
        title=title,
        lines=(*head, *(describe(item) for item in plan.items), *more),
        note=" ".join(notes),
        yes="Retry" if able else "",
        is_destructive=False,
        copy_lines=(*head, *(describe(item, as_copy=True) for item in plan.items), *more) if can_copy else (),
        asks_rate=able > 1,
    )


def describe(item: RetryPlanItem, *, as_copy: bool = False) -> str:
    """Return one line of a dry run."""
    mode, note = item.mode, item.note
    if as_copy and mode == RetryMode.IN_PLACE:
        mode, note = RetryMode.COPY.value, f"a new id; {note}" if note else "a new id"
    where = f" → {item.queue}" if item.queue and mode != RetryMode.REFUSED else ""
    return f"{mode:<8}  {leaf_name(item.name)} {item.task_id[:8]}{where}{f'  {note}' if note else ''}"


def _counted(plan: RetryPlan) -> list[str]:
    return [
        f"{one.count:>6} × {leaf_name(one.name)}  {one.state.lower()}{f' → {one.queue}' if one.queue else ''}"
        for one in plan.counts
    ]
