"""Workers' pools as their statistics tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earthgazer_core.operations.answer_values import integer, mapping

_RESIZABLE = ("prefork", "eventlet", "gevent")


def pool_name(stats: Mapping[str, Any]) -> str:
    """Return the kind of pool that a worker's statistics tell of; empty where they don't."""
    implementation = str(mapping(stats.get("pool")).get("implementation") or "")
    name = implementation.split(":")[0].rsplit(".", 1)[-1]
    return {"thread": "threads", "asynpool": "prefork"}.get(name, name)


def a_pool(name: str) -> str:
    """Return a kind of pool with its article, ``an eventlet pool``."""
    name = name or "unknown"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name} pool"


def pool_size(stats: Mapping[str, Any]) -> int | None:
    """Return how many processes or threads statistics truly tell of; None where they don't."""
    pool = mapping(stats.get("pool"))
    processes = pool.get("processes")
    if isinstance(processes, list):
        # ``max-concurrency`` keeps the number that the worker was started with.
        return len(processes)
    return integer(pool.get("max-concurrency"))


def configured_size(stats: Mapping[str, Any]) -> int | None:
    """Return the number that a worker was started with; only prefork keeps it when the pool is resized."""
    size = mapping(stats.get("pool")).get("max-concurrency")
    is_kept = pool_name(stats) == "prefork" and "autoscaler" not in stats
    return size if is_kept and isinstance(size, int) else None


def resize_refusal(stats: Mapping[str, Any]) -> str:
    """Return why a pool with these statistics can't be resized; empty where it can."""
    pool = pool_name(stats)
    if "autoscaler" in stats:
        return "it scales itself: change its autoscale range instead"
    if pool == "solo":
        return "a solo pool runs tasks in the worker's own process: there is nothing to resize"
    if pool and pool not in _RESIZABLE:
        return f"Celery can't resize {a_pool(pool)}: restart the worker with another --concurrency"
    return "" if pool else "it did not say what pool it has"
