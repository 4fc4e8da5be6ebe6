"""Changes to pools: the range of one that scales itself, and new processes for old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.controls.control import ControlResult, OnAnswer, WorkerControl
from earthgazer_core.operations.pools import a_pool, pool_name


def autoscale(
    control: WorkerControl,
    workers: str | Sequence[str],
    *,
    most: int,
    least: int | None = None,
    on_answer: OnAnswer | None = None,
) -> ControlResult:
    """Change the range of processes of pools that scale themselves; forgotten at a restart.

    Raises:
        InvalidInputError: it is no range.
        NotFoundError: a pattern matches nobody.
        RefusedError: nobody meant scales itself, or nobody answered.
        ServiceUnavailableError: the broker is away.
    """
    if most < 1 or (least is not None and not 0 <= least <= most):
        raise InvalidInputError(f"autoscale from {least} to {most}: expected 0 ≤ least ≤ most, and most ≥ 1")
    arguments = {"max": most, "min": least}
    return control.carry_out(
        "worker.autoscale",
        "autoscale",
        arguments,
        workers,
        refusal=autoscale_refusal,
        measure=lambda facts: _range(facts["stats"]),
        on_answer=on_answer,
    )


def restart_pool(
    control: WorkerControl, workers: str | Sequence[str], *, on_answer: OnAnswer | None = None
) -> ControlResult:
    """Put new processes in the place of a pool's old ones, each when it has run its next task.

    An idle process waits for a task and looks up only after it.

    Raises:
        NotFoundError: a pattern matches nobody.
        RefusedError: nobody meant can do it (each one's reason is told), or nobody answered.
        ServiceUnavailableError: the broker is away.
    """
    return control.carry_out(
        "worker.restart_pool",
        "pool_restart",
        {},
        workers,
        refusal=restart_refusal,
        is_volatile=False,
        remark="each process is replaced when its next task has ended",
        on_answer=on_answer,
    )


def autoscale_refusal(facts: Mapping[str, Any]) -> str:
    """Return why a worker's range can't be changed; empty where it can."""
    stats = facts.get("stats") or {}
    if "autoscaler" in stats:
        return ""
    pool = pool_name(stats)
    advice = " (grow and shrink it instead)" if pool == "prefork" else ""
    return f"its {pool or 'unknown'} pool does not scale itself: start it with --autoscale{advice}"


def restart_refusal(facts: Mapping[str, Any]) -> str:
    """Return why a worker's pool can't be restarted; empty where it can."""
    pool = pool_name(facts.get("stats") or {})
    if pool != "prefork":
        return f"{a_pool(pool)} has no processes to restart: restart the worker"
    if not (facts.get("conf") or {}).get("worker_pool_restarts"):
        return "worker_pool_restarts is off in its settings: set it and restart the worker"
    return ""


def _range(stats: Mapping[str, Any]) -> list[int | None]:
    autoscaler = stats.get("autoscaler") or {}
    return [autoscaler.get("min"), autoscaler.get("max")]
