"""Commands on queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.moving import describe_messages, dry_run, read_target, where_to
from earthgazer_tui.commands.question import Prompt, Question
from earthgazer_tui.fleet.models import ActionResult, PurgePlan, QueueDepth
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted


@dataclass(frozen=True, slots=True)
class QueueChoice:
    """A queue to act on, and where its messages could go."""

    name: str
    """The queue."""
    depth: QueueDepth | None
    """What is known of it; None where it has gone."""
    others: tuple[str, ...]
    """Other queues."""


class OpenQueue(Command):
    """Look into the queue under the cursor: what is next, what workers hold, what waits for its time."""

    id = "queue.open"
    key = "o"
    title = "Look in"
    action = "open_row"
    key_display = "enter"


class PauseQueue(FleetCommand[QueueChoice]):
    """Pause the queue on all its consumers; what they hold already still runs."""

    id = "queue.pause"
    key = "P"
    title = "Pause"

    async def run(self, fleet: Fleet, subjects: Sequence[QueueChoice]) -> ActionResult:
        """Tell all consumers to stop."""
        return await fleet.pause_queue(subjects[0].name)


class ResumeQueue(FleetCommand[QueueChoice]):
    """Resume the paused queue on the workers that consumed it before."""

    id = "queue.resume"
    key = "R"
    title = "Resume"

    def refusal(self, subjects: Sequence[QueueChoice]) -> str:
        """Refuse a queue that isn't paused."""
        depth = subjects[0].depth
        if depth is not None and depth.pause is None:
            return f"{subjects[0].name} is not paused."
        return ""

    async def run(self, fleet: Fleet, subjects: Sequence[QueueChoice]) -> ActionResult:
        """Tell them to go on."""
        return await fleet.resume_queue(subjects[0].name)


class PurgeQueue(FleetCommand[QueueChoice]):
    """Delete all messages that wait in the queue, after showing them; workers keep what they hold."""

    id = "queue.purge"
    key = "X"
    title = "Purge"

    _plan: PurgePlan | None = None

    async def ask(self, fleet: Fleet, subjects: Sequence[QueueChoice]) -> Question | None:
        """Ask always, with how many and what is first."""
        plan = self._plan = await fleet.plan_purge(subjects[0].name)
        steps = "  ".join(f"p{step}: {n}" for step, n in plan.by_priority if n)
        held = f" {plan.held} held by workers stay." if plan.held else ""
        return Question(
            title=f"Delete {counted(plan.total, 'message')} of {plan.queue}?",
            lines=(steps, *describe_messages(plan.first, plan.total)),
            note=f"Their tasks will never run.{held} What comes from now on stays.",
            yes=f"Delete {plan.total}",
        )

    async def run(self, fleet: Fleet, subjects: Sequence[QueueChoice]) -> ActionResult:
        """Delete those shown."""
        assert self._plan is not None  # noqa: S101 - it was asked for
        return await fleet.purge_queue(subjects[0].name, self._plan.token)


class MoveAll(FleetCommand[QueueChoice]):
    """Move all messages that wait in the queue to another queue or priority, after a dry run."""

    id = "queue.move-all"
    key = "A"
    title = "Move all"

    def prompt(self, subjects: Sequence[QueueChoice]) -> Prompt | None:
        """Ask where to."""
        return where_to(subjects[0].name, subjects[0].others, "all messages")

    async def ask(self, fleet: Fleet, subjects: Sequence[QueueChoice]) -> Question | None:
        """Ask always, with how many and what is first."""
        return await dry_run(fleet, subjects[0].name, None, *read_target(self.typed))

    async def run(self, fleet: Fleet, subjects: Sequence[QueueChoice]) -> ActionResult:
        """Move them."""
        return await fleet.move_messages(subjects[0].name, None, *read_target(self.typed))
