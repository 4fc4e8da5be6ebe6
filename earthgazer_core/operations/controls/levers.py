"""What can be done to a worker, and why the rest can't, before anybody tries."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from earthgazer_core.operations.controls.limits import rate_refusal, time_refusal
from earthgazer_core.operations.controls.pool import autoscale_refusal, restart_refusal
from earthgazer_core.operations.workers import WorkerReport


class Lever(StrEnum):
    """Something that can be done to a worker of some pools and not of others."""

    RESIZE = "resize"
    AUTOSCALE = "autoscale"
    RESTART = "restart"
    RATE_LIMIT = "rate limit"
    SOFT_LIMIT = "soft time limit"
    HARD_LIMIT = "hard time limit"


def refusals(report: WorkerReport, conf: Mapping[str, Any]) -> dict[Lever, str]:
    """Return why a worker can't do what it can't, by lever.

    Args:
        report: What it said of itself.
        conf: Its settings.
    """
    stats: dict[str, Any] = {"pool": {"implementation": report.pool}}
    if report.autoscale is not None:
        stats["autoscaler"] = dict(zip(("min", "max"), report.autoscale, strict=True))
    facts = {"stats": stats, "conf": conf}
    reasons = {
        Lever.RESIZE: report.resize_refusal,
        Lever.AUTOSCALE: autoscale_refusal(facts),
        Lever.RESTART: restart_refusal(facts),
        Lever.RATE_LIMIT: rate_refusal(facts),
        Lever.SOFT_LIMIT: time_refusal(facts, is_soft=True),
        Lever.HARD_LIMIT: time_refusal(facts, is_soft=False),
    }
    return {lever: reason for lever, reason in reasons.items() if reason}
