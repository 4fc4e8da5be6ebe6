"""The age at which an unacknowledged message is given to another worker, by what the workers tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from earthgazer_core.operations.answer_values import mapping, number

DEFAULT_S = 3600.0
"""Kombu's own, of whoever sets none."""


def visibility_timeout_s(settings: Iterable[Mapping[str, Any]], otherwise_s: float) -> float:
    """Return the limit in force: any worker gives back what is held longer than its own, so the least counts.

    Args:
        settings: What each living worker told of its settings, those that somebody set.
        otherwise_s: The limit where none told any; infinite where the broker has no such limit.
    """
    if math.isinf(otherwise_s):
        return otherwise_s
    return min(map(_limit_s, settings), default=otherwise_s)


def _limit_s(settings: Mapping[str, Any]) -> float:
    limit_s = number(mapping(settings.get("broker_transport_options")).get("visibility_timeout"))
    return limit_s if limit_s is not None and limit_s > 0 else DEFAULT_S
