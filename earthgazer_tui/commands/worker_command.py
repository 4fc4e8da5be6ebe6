"""The base of all orders to workers: whom they can be given to, and what each would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from earthgazer_tui.commands.command import FleetCommand
from earthgazer_tui.commands.question import Prompt, Question
from earthgazer_tui.fleet.models import ActionResult, Worker, WorkerOrder, WorkerState
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted

FORGOTTEN = "Forgotten when the worker restarts."


@dataclass(frozen=True, slots=True)
class Target:
    """A worker that was chosen, and what of it the cursor is on."""

    worker: Worker
    """The worker."""
    task: str = ""
    """Name of a task of it; may be empty."""
    queue: str = ""
    """Name of a queue; may be empty."""


class WorkersCommand(FleetCommand[Target]):
    """Base of the orders to marked workers, or to the one under the cursor."""

    deed: ClassVar[str] = ""
    """What is done, for the question: ``Restart the pool of``."""
    yes: ClassVar[str] = "Yes"
    """What the button says."""
    asks_for_one: ClassVar[bool] = False
    """Whether it asks for a single worker as well."""
    is_destructive: ClassVar[bool] = False
    """Whether the cautious answer is the one at hand."""
    note: ClassVar[str] = FORGOTTEN
    """What to know before one says yes."""
    watches: ClassVar[bool] = False
    """Whether a single worker's words are shown as they come as well."""

    def reason(self, worker: Worker) -> str:
        """Return why this worker can't do it; empty where it can, or where that shows when it is tried."""
        return ""

    def plan(self, target: Target) -> str:
        """Return what it would do, for the dry run."""
        return "told"

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return what to tell the workers."""
        raise NotImplementedError

    def why_not(self, worker: Worker) -> str:
        """Return why it is not told; empty where it is."""
        if worker.state is WorkerState.STOPPED:
            return "it has stopped"
        return self.reason(worker)

    def refusal(self, subjects: Sequence[Target]) -> str:
        """Say why none of them can do it."""
        reasons = {target.worker.hostname: self.why_not(target.worker) for target in subjects}
        if not all(reasons.values()):
            return ""
        if len(set(reasons.values())) == 1:
            names = ", ".join(reasons)
            return f"{names}: {next(iter(reasons.values()))}"
        return "\n".join(f"{name}: {reason}" for name, reason in reasons.items())

    async def ask(self, fleet: Fleet, subjects: Sequence[Target]) -> Question | None:
        """Ask above one worker, with what each would do."""
        if len(subjects) < 2 and not self.asks_for_one:
            return None
        whom = subjects[0].worker.hostname if len(subjects) == 1 else counted(len(subjects), "worker")
        return Question(
            title=f"{self.deed} {whom}?",
            lines=tuple(self._line(target) for target in subjects),
            note=self.note,
            yes=self.yes,
            is_destructive=self.is_destructive,
        )

    async def run(self, fleet: Fleet, subjects: Sequence[Target]) -> ActionResult:
        """Tell those that can."""
        able, order = self._able(subjects), self.order(subjects)
        return await fleet.tell_workers(able, order, self.on_reply, self.on_done)

    def awaited(self, subjects: Sequence[Target]) -> tuple[str, ...]:
        """Return those that are told, where they are several or take their time."""
        able = self._able(subjects)
        return able if len(able) > 1 or self.watches else ()

    def _able(self, subjects: Sequence[Target]) -> tuple[str, ...]:
        return tuple(target.worker.hostname for target in subjects if not self.why_not(target.worker))

    def _line(self, target: Target) -> str:
        worker = target.worker
        reason = self.why_not(worker)
        late = worker.state in (WorkerState.LATE, WorkerState.LOST)
        seen = f"  (last seen {worker.last_seen_s:.0f} s ago)" if late else ""
        return f"{worker.hostname}  {f'not told: {reason}' if reason else self.plan(target)}{seen}"


def prompt_for(
    command: WorkersCommand,
    subjects: Sequence[Target],
    title: str,
    value: str,
    hint: str,
    complaint: Callable[[str], str],
) -> Prompt:
    """Return a question for one line of text, over what each worker is now or why it is not told."""
    lines = tuple(
        f"{target.worker.hostname}  "
        + (f"not told: {reason}" if (reason := command.why_not(target.worker)) else _now(target.worker))
        for target in subjects
    )
    return Prompt(title, lines, value, f"{hint}. {FORGOTTEN}", complaint)


def _now(worker: Worker) -> str:
    size = "?" if worker.pool_size is None else worker.pool_size
    return f"{worker.pool or '?'} {size}, takes from {', '.join(worker.queues) or 'nothing'}"
