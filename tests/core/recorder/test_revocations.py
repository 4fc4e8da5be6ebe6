"""A worker that records forgets on an operator's word that tasks were revoked, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery.worker.control import Panel
from celery.worker.state import revoked

from earthgazer_core.recorder.revocations import FORGET_REVOKED, answer_to_forget_revoked


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    revoked.clear()
    Panel.data.pop(FORGET_REVOKED, None)
    Panel.meta.pop(FORGET_REVOKED, None)


def test_only_what_is_named_is_forgotten() -> None:
    answer_to_forget_revoked()
    command: Any = Panel.data[FORGET_REVOKED]
    for task_id in "abc":
        revoked.add(task_id)
    assert command(None, task_ids=["a", "never", 7, ["b"]], more="x") == {"ok": "revoked no more: 1"}
    assert command(None) == {"ok": "revoked no more: 0"}
    assert sorted(revoked) == ["b", "c"]
