"""How often and how long tasks may run, by task name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from celery.utils.time import rate

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.controls.control import ControlResult, OnAnswer, WorkerControl
from earthgazer_core.operations.pools import a_pool, pool_name


def rate_limit(
    control: WorkerControl,
    workers: str | Sequence[str],
    task_name: str,
    limit: str,
    *,
    on_answer: OnAnswer | None = None,
) -> ControlResult:
    """Limit how often each of these workers begins a task (``10/s``, ``5/m``, ``0`` lifts it).

    A limit is for one worker, not for all together; forgotten at a restart. Messages that a worker
    holds back already keep their old pace, for Celery waits for those with a timer of its own.

    Raises:
        InvalidInputError: it is no rate.
        NotFoundError: a pattern matches nobody.
        RefusedError: nobody meant keeps rate limits, or nobody answered.
        ServiceUnavailableError: the broker is away.
    """
    try:
        per_second = rate(limit)
    except (ValueError, KeyError, TypeError):
        per_second = -1.0
    if per_second < 0:
        raise InvalidInputError(f"rate {limit!r}: expected such as 10/s, 5/m, 100/h, or 0 for none")
    arguments = {"task_name": task_name, "rate_limit": limit}
    return control.carry_out(
        "worker.rate_limit",
        "rate_limit",
        arguments,
        workers,
        refusal=rate_refusal,
        remark="what a worker holds back already keeps its old pace",
        on_answer=on_answer,
    )


def time_limit(
    control: WorkerControl,
    workers: str | Sequence[str],
    task_name: str,
    *,
    soft_s: float | None = None,
    hard_s: float | None = None,
    on_answer: OnAnswer | None = None,
) -> ControlResult:
    """Limit how long a task may run on these workers, from its next run on; None lifts a limit.

    Forgotten at a restart. A worker reads its tasks' limits when it connects and when its pool is
    restarted (``celery.worker.request.create_request_cls``): alone, Celery's command is answered with yes
    and has no effect. So the pool is restarted as well, and a worker that can't do that is refused.

    Raises:
        InvalidInputError: a limit isn't positive, or the soft one isn't the shorter.
        NotFoundError: a pattern matches nobody.
        RefusedError: nobody meant can end a task (each one's reason is told), or nobody answered.
        ServiceUnavailableError: the broker is away.
    """
    if any(limit is not None and limit <= 0 for limit in (soft_s, hard_s)):
        raise InvalidInputError(f"time limits {soft_s} s and {hard_s} s: expected more than 0")
    if soft_s is not None and hard_s is not None and soft_s >= hard_s:
        raise InvalidInputError(f"soft limit {soft_s} s: expected less than the hard one of {hard_s} s")
    arguments = {"task_name": task_name, "soft": soft_s, "hard": hard_s}

    def refusal(facts: Mapping[str, Any]) -> str:
        return time_refusal(facts, is_soft=soft_s is not None)

    return control.carry_out(
        "worker.time_limit",
        "time_limit",
        arguments,
        workers,
        refusal=refusal,
        # No module is loaded anew.
        then=("pool_restart", {"modules": []}),
        remark="their pools are restarted, or the limits would have no effect",
        on_answer=on_answer,
    )


def rate_refusal(facts: Mapping[str, Any]) -> str:
    """Return why a worker keeps no rate limits; empty where it does."""
    if (facts.get("conf") or {}).get("worker_disable_rate_limits"):
        return "worker_disable_rate_limits is on in its settings: it keeps none"
    return ""


def time_refusal(facts: Mapping[str, Any], *, is_soft: bool) -> str:
    """Return why a worker's pool keeps no such time limit; empty where it does."""
    pool = pool_name(facts.get("stats") or {})
    if pool != "prefork" and (pool != "gevent" or is_soft):
        kind = "soft time limits" if pool == "gevent" else "time limits"
        return f"{a_pool(pool)} keeps no {kind}: it would say yes and let tasks run on"
    if not (facts.get("conf") or {}).get("worker_pool_restarts"):
        return "worker_pool_restarts is off in its settings: it would say yes and keep the old limits"
    return ""
