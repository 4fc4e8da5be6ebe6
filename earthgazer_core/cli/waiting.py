"""Waiting for a workflow, and telling what came of it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from earthgazer_core.cli.context import CliContext
from earthgazer_core.cli.output import DONE, FAILED, emit, note
from earthgazer_core.errors import EarthGazerError, ServiceUnavailableError

if TYPE_CHECKING:
    from celery.result import AsyncResult

    from earthgazer_core.operations.run_tree import RunStep
    from earthgazer_core.workflows import WorkflowResult

POLL_S = 0.1
"""Between two looks at the result backend."""
TELL_S = 0.5
"""Between two looks at the steps, for somebody who watches."""
RECORDED_S = 2.0
"""How long the flight recorder is waited for."""
_ENDED_BADLY = ("FAILURE", "REVOKED")


def report(context: CliContext, result: WorkflowResult, *, wait: bool, as_json: bool) -> int:
    """Print a workflow that was started, with ``wait`` how it ended, and return the exit code.

    Ctrl-C ends the waiting, not the workflow.
    """
    data: dict[str, Any] = {"run_id": result.run_id, "task_id": result.id}
    if not wait:
        emit(data, as_json, [f"started run {result.run_id}"])
        return DONE
    failed = _wait(result, _Teller(context, result.run_id) if sys.stderr.isatty() else None)
    if failed is None:
        data |= {"state": "SUCCESS", "result": result.result}
        emit(data, as_json, [f"run {result.run_id} done", *_lines(result.result)])
        return DONE
    failures = _failures(result) or _recorded_failures(context, result.run_id) or [_failure(failed)]
    data |= {"state": failed.state, "failures": failures}
    emit(data, as_json)
    note(f"run {result.run_id} failed:")
    for failure in failures:
        note(f"  {failure['error']}")
    return FAILED


class _Teller:
    """Tells the steps of a run on stderr as they change."""

    def __init__(self, context: CliContext, run_id: str) -> None:
        self._context = context
        self._run_id = run_id
        self._told: dict[str, str] = {}
        self._at = 0.0

    def tell(self) -> None:
        """Tell what changed since the last time, at most every :data:`TELL_S`."""
        if time.monotonic() < self._at + TELL_S:
            return
        self._at = time.monotonic()
        from earthgazer_core.operations.runs import show_run

        try:
            with self._context.session() as session:
                steps = show_run(session, self._run_id).steps
        except EarthGazerError:
            return  # the recorder is a moment behind, or the database is away: waiting goes on
        for step in steps:
            if step.state in ("FUTURE", "PENDING"):
                continue
            said = _said_of(step)
            if self._told.get(step.task_id) != said:
                self._told[step.task_id] = said
                note(said)


def _said_of(step: RunStep) -> str:
    of = f" capture {step.capture_id}" if step.capture_id is not None else ""
    how = (
        f"{step.stage} {step.percent:.0f} %"
        if step.state == "PROGRESS" and step.percent
        else step.state.lower()
    )
    return f"{step.name.removeprefix('earthgazer.')}{of}: {how}"


def _wait(result: WorkflowResult, teller: _Teller | None) -> AsyncResult[Any] | None:
    """Wait for the end; return the task that ended it early, None where all went well."""
    from redis.exceptions import RedisError

    steps = _steps(result)
    try:
        while True:
            for step in steps:
                if step.state in _ENDED_BADLY:
                    return step
            if result.state == "SUCCESS":
                return None
            if teller is not None:
                teller.tell()
            time.sleep(POLL_S)
    except (RedisError, OSError) as error:
        raise ServiceUnavailableError(f"the result backend can't be reached: {error}") from error


def _steps(result: AsyncResult[Any]) -> list[AsyncResult[Any]]:
    """Return the steps that a result hangs on: those before it in its chain, and the last one itself.

    Members of a chord are left out: when all of them have ended, its body tells that one has failed.
    """
    steps = [result]
    parent: Any = result.parent
    while parent is not None:
        if not hasattr(parent, "results"):
            steps.append(parent)
        parent = parent.parent
    return steps


def _failures(result: WorkflowResult) -> list[dict[str, Any]]:
    """Return the members of the last chord that failed, where the result knows them."""
    members = getattr(result.parent, "results", None) or []
    # a failed step marks the later ones of its chain with the same error: the first of them is the one
    failures = [
        _failure(step)
        for member in members
        for step in reversed(_steps(member))
        if step.state in _ENDED_BADLY
    ]
    first: dict[str, dict[str, Any]] = {}
    for failure in failures:
        first.setdefault(failure["error"], failure)
    return list(first.values())


def _recorded_failures(context: CliContext, run_id: str) -> list[dict[str, Any]]:
    """Return the steps of a run that failed, as the flight recorder knows them: a moment later, if at all."""
    from earthgazer_core.operations.runs import show_run

    deadline = time.monotonic() + RECORDED_S
    while True:
        try:
            with context.session() as session:
                steps = show_run(session, run_id).steps
        except EarthGazerError:
            return []
        # what only waited for the one that failed says no more than that
        failed = [step for step in steps if step.state in _ENDED_BADLY and step.capture_id is not None]
        if failed or time.monotonic() > deadline:
            return [
                {
                    "task_id": step.task_id,
                    "state": step.state,
                    "capture_id": step.capture_id,
                    "error": step.error,
                }
                for step in failed
            ]
        time.sleep(POLL_S)


def _failure(step: AsyncResult[Any]) -> dict[str, Any]:
    return {
        "task_id": step.id,
        "state": step.state,
        "type": type(step.result).__name__,
        "error": str(step.result) or type(step.result).__name__,
    }


def _lines(result: Any) -> list[str]:
    if not isinstance(result, dict):
        return [str(result)]
    lines = []
    for name, value in result.items():
        skipped = value.get("skipped") if isinstance(value, dict) else None
        lines.append(f"{name}: left out, {skipped}" if skipped else f"{name}: {value}")
    return lines
