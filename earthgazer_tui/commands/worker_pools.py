"""Commands on the pools of workers, and on whether they go on at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from earthgazer_tui.commands.question import Prompt
from earthgazer_tui.commands.worker_command import Target, WorkersCommand, prompt_for
from earthgazer_tui.fleet.models import Autoscale, Lever, Resize, RestartPool, ShutDown, Worker, WorkerOrder
from earthgazer_tui.wording import counted


class GrowPool(WorkersCommand):
    """Add one process to the pools of the marked workers, or of the one under the cursor."""

    id = "worker.grow"
    key = "plus"
    key_display = "+"
    title = "Grow"
    deed = "Add one process to the pool of"
    yes = "Grow"
    by: ClassVar[int] = 1

    def reason(self, worker: Worker) -> str:
        """Say why a pool can't be resized."""
        size = worker.pool_size
        if not worker.resize_refusal and size is not None and size + self.by < 1:
            return f"it has {counted(size, 'process')}; without any it would take messages and never run them"
        return worker.resize_refusal

    def plan(self, target: Target) -> str:
        """Return both sizes."""
        return _sizes(target.worker, self.by)

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the step."""
        return Resize(self.by)


class ShrinkPool(GrowPool):
    """Take one process from the pools of the marked workers, or of the one under the cursor."""

    id = "worker.shrink"
    key = "minus"
    key_display = "-"
    title = "Shrink"
    deed = "Take one process from the pool of"
    yes = "Shrink"
    by: ClassVar[int] = -1


class ResizePool(WorkersCommand):
    """Grow or shrink pools by a number, `+4` or `-2`."""

    id = "worker.resize"
    argument = "[±N]"
    key = "Z"
    title = "Resize"
    deed = "Resize the pool of"
    yes = "Resize"

    def reason(self, worker: Worker) -> str:
        """Say why a pool can't be resized."""
        return worker.resize_refusal

    def prompt(self, subjects: Sequence[Target]) -> Prompt | None:
        """Ask by how many."""
        return prompt_for(
            self, subjects, "How many processes more, or fewer?", "+1", "+4 or -2", _step_complaint
        )

    def plan(self, target: Target) -> str:
        """Return both sizes."""
        return _sizes(target.worker, int(self.typed))

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the step."""
        return Resize(int(self.typed))


class AutoscalePool(WorkersCommand):
    """Change the range of pools that scale themselves."""

    id = "worker.autoscale"
    argument = "[LEAST,MOST]"
    key = "A"
    title = "Autoscale"
    deed = "Change the range of"
    yes = "Change"
    in_footer = False

    def reason(self, worker: Worker) -> str:
        """Say which pools don't scale themselves."""
        return worker.refusal(Lever.AUTOSCALE)

    def prompt(self, subjects: Sequence[Target]) -> Prompt | None:
        """Ask for the range."""
        now = subjects[0].worker.autoscale
        value = f"{now[0]},{now[1]}" if now else "1,4"
        return prompt_for(
            self, subjects, "From how many to how many processes?", value, "least,most", _range_complaint
        )

    def plan(self, target: Target) -> str:
        """Return both ranges."""
        now, then = target.worker.autoscale, _numbers(self.typed)
        return f"{f'{now[0]} to {now[1]}' if now else 'a range'} → {then[0]} to {then[1]}"

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the range."""
        return Autoscale(*_numbers(self.typed))


class RestartPools(WorkersCommand):
    """Put new processes in the place of old ones, each when its next task has ended."""

    id = "worker.restart-pool"
    key = "P"
    title = "Restart pool"
    deed = "Restart the pool of"
    yes = "Restart"
    in_footer = False
    note = "Each process is replaced when its next task has ended."

    def reason(self, worker: Worker) -> str:
        """Say which pools can't be restarted."""
        return worker.refusal(Lever.RESTART)

    def plan(self, target: Target) -> str:
        """Return what is replaced."""
        return f"{target.worker.pool} {target.worker.pool_size}, runs {counted(target.worker.active, 'task')}"

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the order."""
        return RestartPool()


class ShutDownWorkers(WorkersCommand):
    """Shut workers down warm: they take nothing more, end what they run, and go; shows what still runs."""

    id = "worker.shutdown"
    key = "W"
    title = "Warm shutdown"
    deed = "Shut down"
    yes = "Shut down"
    asks_for_one = True
    is_destructive = True
    note = "What runs ends first. Nothing here starts them again; whoever supervises them may."
    watches: ClassVar[bool] = True

    def plan(self, target: Target) -> str:
        """Return what it would have to wait for."""
        worker = target.worker
        return f"runs {counted(worker.active, 'task')}, takes from {', '.join(worker.queues) or 'nothing'}"

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the order; a solo pool is told even if it is silent, for it hears nothing while it works."""
        return ShutDown(even_silent=all(target.worker.pool == "solo" for target in targets))


def _sizes(worker: Worker, by: int) -> str:
    size = worker.pool_size
    return f"{worker.pool} {'?' if size is None else f'{size} → {size + by}'}"


def _step_complaint(text: str) -> str:
    try:
        by = int(text)
    except ValueError:
        return "a number with its sign is expected: +4 or -2"
    return "" if by and abs(by) <= 1000 else "between 1 and 1000, more or fewer"


def _numbers(text: str) -> tuple[int, int]:
    least, most = (int(part) for part in text.split(","))
    return least, most


def _range_complaint(text: str) -> str:
    try:
        least, most = _numbers(text)
    except ValueError:
        return "two numbers are expected: 1,4"
    return "" if 0 <= least <= most and most >= 1 else "expected 0 ≤ least ≤ most, and most ≥ 1"
