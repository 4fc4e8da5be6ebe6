"""What a worker forgets on an operator's word: that tasks which are to run after all were revoked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

FORGET_REVOKED: Final = "earthgazer_forget_revoked"
"""Remote-control command of workers that record."""


def answer_to_forget_revoked(**_: Any) -> None:
    """Have the worker in this process know the command."""
    # Only a worker has use for what this imports.
    from celery.worker.control import control_command

    control_command(name=FORGET_REVOKED)(_forget_revoked)


def _forget_revoked(state: Any, task_ids: Sequence[str] = (), **_: Any) -> dict[str, str]:
    """Run these tasks when they come, though they were revoked."""
    from celery.worker.state import revoked

    found = [one for one in task_ids if isinstance(one, str) and one in revoked]
    for task_id in found:
        revoked.discard(task_id)
    return {"ok": f"revoked no more: {len(found)}"}
