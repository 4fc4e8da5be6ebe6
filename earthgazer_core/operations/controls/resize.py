"""More or fewer processes for pools; each worker is told as soon as it has shown that it can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.controls.control import ControlResult, OnAnswer, WorkerControl
from earthgazer_core.operations.pools import pool_size, resize_refusal


def resize(
    control: WorkerControl, workers: str | Sequence[str], by: int, *, on_answer: OnAnswer | None = None
) -> ControlResult:
    """Add processes (or threads) to pools, or take some where ``by`` is negative; forgotten at a restart.

    A worker says yes before a process has started or ended: prefork starts new ones when it next looks
    after itself, every five seconds, and ends a busy one only after its task.

    Raises:
        InvalidInputError: nothing would change.
        NotFoundError: a pattern matches nobody.
        RefusedError: nobody meant can do it (each one's reason is told), or nobody answered.
        ServiceUnavailableError: the broker is away.
    """
    if by == 0:
        raise InvalidInputError("0 processes more: expected a number above or below 0")
    action, command = ("pool.grow", "pool_grow") if by > 0 else ("pool.shrink", "pool_shrink")

    def refusal(facts: Mapping[str, Any]) -> str:
        stats = facts.get("stats") or {}
        reason = resize_refusal(stats)
        size = pool_size(stats) or 0
        if not reason and size + by < 1:
            reason = f"it has {size} processes; without any it would take messages and never run them"
        return reason

    return control.carry_out(
        action,
        command,
        {"n": abs(by)},
        workers,
        refusal=refusal,
        measure=lambda facts: pool_size(facts["stats"]),
        facts=("stats",),
        on_answer=on_answer,
    )
