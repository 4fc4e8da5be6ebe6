"""Commands on the list of workers and on the processes of the embedded stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.question import Option, Question
from earthgazer_tui.commands.worker_command import Target
from earthgazer_tui.fleet.models import ActionResult, Worker
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted


class OpenWorker(Command):
    """Open the worker under the cursor: all that it says of itself."""

    id = "worker.open"
    key = "o"
    title = "Open"
    action = "open_row"
    key_display = "enter"


class NextFacts(Command):
    """Show the next tab of what the worker says of itself."""

    id = "worker.next-facts"
    key = "tab,right"
    title = "Next"
    action = "next_facts"


class PreviousFacts(Command):
    """Show the tab before."""

    id = "worker.previous-facts"
    key = "shift+tab,left"
    title = "Previous"
    action = "next_facts(-1)"
    in_footer = False


class MarkPattern(Command):
    """Mark the workers whose names match a pattern, such as `cpu@*`."""

    id = "worker.mark-pattern"
    key = "asterisk"
    key_display = "*"
    title = "Mark by pattern"
    action = "mark_pattern"
    aliases = ("mark",)
    argument = "PATTERN"
    in_footer = False


class StartWorker(FleetCommand[str]):
    """Start one more local worker of the embedded stack."""

    id = "worker.start"
    key = "N"
    title = "New"
    only_embedded: ClassVar[bool] = True
    needs_subject: ClassVar[bool] = False
    options: ClassVar[tuple[Option, ...]] = (
        Option("i", "io", "io: discovery, backup, download"),
        Option("c", "cpu", "cpu: stacking, indices, time series"),
    )

    async def run(self, fleet: Fleet, subjects: Sequence[str]) -> ActionResult:
        """Start a worker of the profile chosen."""
        return await fleet.start_worker(subjects[0])


class StopWorker(FleetCommand[Target]):
    """Stop the local worker under the cursor; what it runs ends first."""

    id = "worker.stop"
    key = "X"
    title = "Stop"
    only_embedded: ClassVar[bool] = True

    def refusal(self, subjects: Sequence[Target]) -> str:
        """Refuse workers that aren't processes of our own stack."""
        worker = subjects[0].worker
        if worker.local_name is None:
            return (
                f"{worker.hostname} was not started by this stack; {{worker.shutdown|W}} shuts it down warm."
            )
        return ""

    async def ask(self, fleet: Fleet, subjects: Sequence[Target]) -> Question | None:
        """Ask always, with what runs on it."""
        worker = subjects[0].worker
        running = (
            f"runs {counted(worker.active, 'task')}; what runs ends first"
            if worker.active
            else "runs nothing"
        )
        queues = ", ".join(worker.queues) or "no queue"
        return Question(
            title=f"Stop worker {worker.hostname}?",
            lines=(running, f"consumes {queues}"),
            yes="Stop",
        )

    async def run(self, fleet: Fleet, subjects: Sequence[Target]) -> ActionResult:
        """Stop it warm."""
        return await fleet.stop_worker(subjects[0].worker.local_name or "")


class EnableEvents(FleetCommand[Worker]):
    """Ask all workers to send task events, without which the live views are blind."""

    id = "fleet.enable-events"
    key = "E"
    title = "Events on"
    needs_subject: ClassVar[bool] = False

    async def run(self, fleet: Fleet, subjects: Sequence[Worker]) -> ActionResult:
        """Ask all workers."""
        return await fleet.enable_events()
