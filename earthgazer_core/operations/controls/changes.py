"""What operators changed of a worker that it forgets at its next restart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from earthgazer_core.operations.workers import WorkerReport

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ACTIONS = (
    "pool.grow", "pool.shrink", "worker.autoscale", "worker.add_consumer", "worker.cancel_consumer",
    "worker.rate_limit", "worker.time_limit", "worker.enable_events", "worker.disable_events",
)  # fmt: skip
"""Actions in the audit whose effect ends with the worker."""

_COMING = timedelta(seconds=30)
"""A pool that was resized may take so long until it has the size asked for."""
_CLOCKS = timedelta(seconds=2)
"""A worker tells its age in whole seconds, and its clock is not the database's."""
_MOST = 2000


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done to workers."""

    action: str
    """One of :data:`ACTIONS`."""
    target: Mapping[str, Any]
    """Its arguments."""
    done: tuple[str, ...]
    """Workers that did it."""
    at: datetime
    """Aware."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """What was so before, by worker, where that is known."""


def recorded_deeds(session: Session, since: datetime) -> tuple[Deed, ...]:
    """Return what the audit knows of, oldest first."""
    # here and not at the top: whoever has no database doesn't wait for its tables
    from sqlalchemy import select

    from earthgazer_core.db.tables import OperatorActionRow

    row = OperatorActionRow
    rows = session.execute(
        select(row.action, row.target, row.detail, row.at)
        .where(row.action.in_(ACTIONS), row.at >= since, row.outcome == "done")
        .order_by(row.id.desc())
        .limit(_MOST)
    ).all()
    return tuple(_deed(*values) for values in reversed(rows))


def lasting_changes(
    deeds: Iterable[Deed], report: WorkerReport, started_at: datetime | None, now: datetime
) -> tuple[str, ...]:
    """Return in words what of a worker is not as it was configured.

    Args:
        deeds: What was done, oldest first.
        report: What the worker says of itself now.
        started_at: When it started; what was done before is forgotten. None if that isn't known.
        now: The time.
    """
    mine = [
        deed
        for deed in deeds
        if report.hostname in deed.done and (started_at is None or deed.at >= started_at - _CLOCKS)
    ]
    pool = [deed for deed in mine if deed.action in ("pool.grow", "pool.shrink")]
    ranges = [deed for deed in mine if deed.action == "worker.autoscale"]
    return (
        *_pool(pool, report, now),
        *_range(ranges, report),
        *_consumers(mine, report),
        *_limits(mine),
        *_events(mine),
    )


def _pool(deeds: list[Deed], report: WorkerReport, now: datetime) -> tuple[str, ...]:
    size, configured = report.pool_size, report.configured_size
    if configured is None and deeds:
        configured = deeds[0].before.get(report.hostname)
    if size is None or configured is None:
        return ()
    wanted = size
    first = deeds[0].before.get(report.hostname) if deeds else None
    if isinstance(first, int) and now - deeds[-1].at < _COMING:
        wanted = first + sum(_step(deed) for deed in deeds)
    if wanted == configured == size:
        return ()
    so_far = "" if wanted == size else f", {size} so far"
    return (f"pool of {wanted} ≠ {configured} configured{so_far}",)


def _step(deed: Deed) -> int:
    n = deed.target.get("n")
    step = n if isinstance(n, int) else 0
    return step if deed.action == "pool.grow" else -step


def _range(deeds: list[Deed], report: WorkerReport) -> tuple[str, ...]:
    if not deeds or report.autoscale is None:
        return ()
    configured = deeds[0].before.get(report.hostname)
    if not isinstance(configured, list | tuple) or tuple(configured) == report.autoscale:
        return ()
    least, most = report.autoscale
    return (f"autoscale {least} to {most} ≠ {configured[0]} to {configured[1]} configured",)


def _consumers(deeds: list[Deed], report: WorkerReport) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for deed in deeds:
        if deed.action in ("worker.add_consumer", "worker.cancel_consumer"):
            first.setdefault(str(deed.target.get("queue")), deed.action)
    return tuple(
        f"takes from {queue} ≠ configured" if is_added else f"takes no more from {queue} ≠ configured"
        for queue, action in first.items()
        # One that was added and cancelled again, or the other way round, is as configured.
        if (is_added := action == "worker.add_consumer") == (queue in report.queues)
    )


def _limits(deeds: list[Deed]) -> tuple[str, ...]:
    last: dict[tuple[str, str], Deed] = {}
    for deed in deeds:
        if deed.action in ("worker.rate_limit", "worker.time_limit"):
            last[deed.action, str(deed.target.get("task_name"))] = deed
    return tuple(_limit(deed, name) for (_, name), deed in last.items())


def _limit(deed: Deed, name: str) -> str:
    if deed.action == "worker.rate_limit":
        rate = str(deed.target.get("rate_limit"))
        return f"rate limit of {name}: {rate if rate != '0' else 'none'}"
    soft, hard = (
        "none" if (limit := deed.target.get(which)) is None else f"{limit:g} s" for which in ("soft", "hard")
    )
    return f"time limits of {name}: soft {soft}, hard {hard}"


def _events(deeds: list[Deed]) -> tuple[str, ...]:
    last = next((deed for deed in reversed(deeds) if deed.action.endswith("_events")), None)
    if last is None:
        return ()
    return ("task events on" if last.action == "worker.enable_events" else "task events off",)


def _deed(action: str, target: Mapping[str, Any], detail: Mapping[str, Any], at: datetime) -> Deed:
    before = detail.get("before")
    if "worker" in target:
        # A pool resized alone, and counted: it is named in the target, and its size is all there is.
        worker = str(target["worker"])
        return Deed(action, target, (worker,), at, {worker: before})
    done = detail.get("done")
    return Deed(
        action,
        target,
        tuple(str(worker) for worker in done) if isinstance(done, list) else (),
        at,
        before if isinstance(before, Mapping) else {},
    )
