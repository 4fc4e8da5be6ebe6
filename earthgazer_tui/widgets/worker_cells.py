"""How workers look in tables and in the lines below them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from textual.content import Content

from earthgazer_tui.fleet.models import Lever, RunningTask, Worker, WorkerState
from earthgazer_tui.key_hints import with_keys
from earthgazer_tui.widgets.queue_cells import coarse
from earthgazer_tui.widgets.stage_bar import progress_bar
from earthgazer_tui.widgets.task_mark import short_task_name

STATES = {
    WorkerState.SEEN: ("●", "$success"),
    WorkerState.LATE: ("◐", "bold $warning"),
    WorkerState.LOST: ("✗", "bold $error"),
    WorkerState.STOPPED: ("○", "$text-muted"),
}
BAR_CELLS = 16
LEVER_KEYS = {
    Lever.AUTOSCALE: "{worker.autoscale|A}",
    Lever.RESTART: "{worker.restart-pool|P}",
    Lever.RATE_LIMIT: "{worker.rate-limit|L}",
    Lever.HARD_LIMIT: "{worker.time-limit|T}",
}
"""Keys whose refusal is told below the list; that of growing and shrinking has its own line."""


def state_cell(worker: Worker) -> Content:
    """Return what is known of a worker, with how long ago it was heard of where that matters."""
    sign, style = STATES[worker.state]
    ago = f" {coarse(worker.last_seen_s)}" if worker.state in (WorkerState.LATE, WorkerState.LOST) else ""
    return Content.styled(f"{sign} {worker.state.value}{ago}", style)


def pool_cell(worker: Worker) -> str:
    """Return kind and true size of its pool."""
    pool = worker.pool or "?"
    return f"{pool} {'?' if worker.pool_size is None else worker.pool_size}"


def changes_cell(worker: Worker) -> Content:
    """Return a sign where anything is not as it was configured."""
    return Content.styled("≠", "bold $warning") if worker.changes else Content("")


def runs_cell(worker: Worker) -> Content:
    """Return how many tasks run."""
    return Content.styled(str(worker.active), "bold $warning" if worker.active else "$text-muted")


def load_cell(worker: Worker) -> str:
    """Return the load of its host."""
    return f"{worker.load[0]:.1f}" if worker.load else "–"


def number_cell(value: int | None) -> str:
    """Return a number; a dash where it isn't known."""
    return "–" if value is None else str(value)


def up_cell(worker: Worker) -> str:
    """Return for how long it has been up."""
    if worker.uptime_s is None:
        return "–"
    return coarse(worker.uptime_s) if worker.uptime_s >= 60 else "<1m"


def worker_lines(worker: Worker, now: datetime, keys: Mapping[str, str] = MappingProxyType({})) -> Content:
    """Return what there is to know of one worker at one moment.

    Args:
        worker: The worker.
        now: Aware UTC.
        keys: Keys that the operator chose, by the ids of commands.
    """
    local = f", local worker {worker.local_name}" if worker.local_name else ""
    lines = [
        Content.assemble((worker.hostname, "bold $primary"), (local, "$text-muted")),
        _line("consumes", ", ".join(worker.queues) or "nothing"),
    ]
    if worker.changes:
        lines.append(
            Content.assemble(
                ("  ≠ configured, lost on restart: ", "bold $warning"), "\n    ".join(worker.changes)
            )
        )
    if worker.resize_refusal:
        lines.append(_line(with_keys("{worker.grow|+} and {worker.shrink|-}", keys), worker.resize_refusal))
    lines += refused_keys(worker, keys)
    if worker.running:
        lines += [running_line(task, now) for task in worker.running]
    else:
        lines.append(
            _line("runs", f"{worker.active} tasks that it hasn't named" if worker.active else "nothing")
        )
    return Content("\n").join(lines)


def refused_keys(worker: Worker, keys: Mapping[str, str]) -> list[Content]:
    """Return which keys can do nothing with this worker, and why."""
    reasons: dict[str, list[str]] = {}
    for lever, key in LEVER_KEYS.items():
        reason = worker.refusal(lever)
        if reason:
            reasons.setdefault(reason, []).append(with_keys(key, keys))
    return [_line(", ".join(refused), reason) for reason, refused in reasons.items()]


def running_line(task: RunningTask, now: datetime) -> Content:
    """Return one running task with its progress."""
    elapsed = "" if task.started_at is None else coarse(max(0.0, (now - task.started_at).total_seconds()))
    bar = Content(" " * (BAR_CELLS + 5))
    if task.percent is not None:
        bar = progress_bar(task.percent, BAR_CELLS) + f"{task.percent:4.0f}%"
    return Content.assemble(
        ("  ▸ ", "$warning"),
        bar,
        f"  {short_task_name(task.name)}",
        (f"  {task.stage}  {elapsed}", "$text-muted"),
    )


def _line(word: str, text: str) -> Content:
    return Content.assemble((f"  {word:<9} ", "$text-muted"), text)
