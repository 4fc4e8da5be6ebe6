"""Commands on workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from earthgazer_tui.commands.command import FleetCommand
from earthgazer_tui.commands.question import Option, Question
from earthgazer_tui.fleet.models import ActionResult, Worker
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted


class GrowPool(FleetCommand[Worker]):
    """Add one process to the pool of the worker under the cursor."""

    id = "worker.grow"
    key = "plus"
    key_display = "+"
    title = "Grow"

    def refusal(self, subjects: Sequence[Worker]) -> str:
        """Say why a pool can't be resized."""
        return subjects[0].resize_refusal

    async def run(self, fleet: Fleet, subjects: Sequence[Worker]) -> ActionResult:
        """Ask that worker to grow."""
        return await fleet.grow_pool(subjects[0].hostname)


class ShrinkPool(FleetCommand[Worker]):
    """Take one process from the pool of the worker under the cursor."""

    id = "worker.shrink"
    key = "minus"
    key_display = "-"
    title = "Shrink"

    def refusal(self, subjects: Sequence[Worker]) -> str:
        """Say why a pool can't be resized."""
        return subjects[0].resize_refusal

    async def run(self, fleet: Fleet, subjects: Sequence[Worker]) -> ActionResult:
        """Ask that worker to shrink."""
        return await fleet.shrink_pool(subjects[0].hostname)


class StartWorker(FleetCommand[str]):
    """Start one more local worker of the embedded stack."""

    id = "worker.start"
    key = "N"
    title = "New"
    needs_subject: ClassVar[bool] = False
    options: ClassVar[tuple[Option, ...]] = (
        Option("i", "io", "io: discovery, backup, download"),
        Option("c", "cpu", "cpu: stacking, indices, time series"),
    )

    async def run(self, fleet: Fleet, subjects: Sequence[str]) -> ActionResult:
        """Start a worker of the profile chosen."""
        return await fleet.start_worker(subjects[0])


class StopWorker(FleetCommand[Worker]):
    """Stop the local worker under the cursor; what it runs ends first."""

    id = "worker.stop"
    key = "X"
    title = "Stop"

    def refusal(self, subjects: Sequence[Worker]) -> str:
        """Refuse workers that aren't processes of our own stack."""
        if subjects[0].local_name is None:
            return f"{subjects[0].hostname} was not started by this stack; stop it where it runs."
        return ""

    async def ask(self, fleet: Fleet, subjects: Sequence[Worker]) -> Question | None:
        """Ask always, with what runs on it."""
        worker = subjects[0]
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

    async def run(self, fleet: Fleet, subjects: Sequence[Worker]) -> ActionResult:
        """Stop it warm."""
        return await fleet.stop_worker(subjects[0].local_name or "")


class EnableEvents(FleetCommand[Worker]):
    """Ask all workers to send task events, without which the live views are blind."""

    id = "fleet.enable-events"
    key = "E"
    title = "Events on"
    needs_subject: ClassVar[bool] = False

    async def run(self, fleet: Fleet, subjects: Sequence[Worker]) -> ActionResult:
        """Ask all workers."""
        return await fleet.enable_events()
