"""The limit after which a message is given to another worker: the least that is in force."""

from __future__ import annotations

import math
from typing import Any

import pytest

from earthgazer_core.operations.visibility import visibility_timeout_s


def _told(value: Any) -> dict[str, Any]:
    return {"broker_transport_options": {"visibility_timeout": value}}


@pytest.mark.parametrize(
    ("settings", "otherwise_s", "expected"),
    [
        ([], 930.0, 930.0),
        ([], math.inf, math.inf),
        ([_told(60)], math.inf, math.inf),
        ([_told(60)], 3600.0, 60.0),
        ([_told(7200), _told(90.5)], 60.0, 90.5),
        ([_told(7200), {}], 60.0, 3600.0),
        ([_told("soon"), _told(None), _told(-1), {"broker_transport_options": 3}], 60.0, 3600.0),
    ],
)
def test_the_least_that_a_worker_told_counts(
    settings: list[dict[str, Any]], otherwise_s: float, expected: float
) -> None:
    assert visibility_timeout_s(settings, otherwise_s) == expected
