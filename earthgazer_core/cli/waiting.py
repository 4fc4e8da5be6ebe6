"""Waiting for a workflow, and telling what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from earthgazer_core.cli.output import DONE, FAILED, emit, note
from earthgazer_core.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from celery.result import AsyncResult

    from earthgazer_core.workflows import WorkflowResult

POLL_S = 0.1
"""Between two looks at the result backend."""


def report(result: WorkflowResult, *, wait: bool, as_json: bool) -> int:
    """Print a workflow that was started, with ``wait`` how it ended, and return the exit code.

    Ctrl-C ends the waiting, not the workflow.
    """
    try:
        return _report(result, wait=wait, as_json=as_json)
    finally:
        _let_go(result)


def _report(result: WorkflowResult, *, wait: bool, as_json: bool) -> int:
    data: dict[str, Any] = {"run_id": result.run_id, "task_id": result.id}
    if not wait:
        emit(data, as_json, [f"started run {result.run_id}"])
        return DONE
    failed = _wait(result)
    if failed is None:
        data |= {"state": result.state, "result": result.result}
        emit(data, as_json, [f"run {result.run_id} done", f"{result.result}"])
        return DONE
    failures = _failures(result) or [{"task_id": failed.id, "state": failed.state, "error": _said(failed)}]
    data |= {"state": failed.state, "failures": failures}
    emit(data, as_json)
    note(f"run {result.run_id} failed:")
    for failure in failures:
        note(f"  {failure['error']}")
    return FAILED


def _wait(result: WorkflowResult) -> AsyncResult[Any] | None:
    """Wait for the end; return the task that ended it early, None where all went well."""
    from redis.exceptions import RedisError

    steps = _steps(result)
    try:
        while True:
            for step in steps:
                if step.state in ("FAILURE", "REVOKED"):
                    return step
            if result.state == "SUCCESS":
                return None
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
    failures = [
        {"task_id": step.id, "state": step.state, "error": _said(step)}
        for member in members
        for step in _steps(member)
        if step.state in ("FAILURE", "REVOKED")
    ]
    # a failed step marks the later ones of its chain with the same error
    return list({failure["error"]: failure for failure in failures}.values())


def _said(step: AsyncResult[Any]) -> str:
    return str(step.result) or type(step.result).__name__


def _let_go(result: Any) -> None:
    """Keep results from unsubscribing when they are collected: at exit, that would connect once more."""
    todo, seen = [result], set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        todo += [one.parent, *(getattr(one, "results", None) or [])]
        if hasattr(one, "backend") and not hasattr(one, "results"):
            one.backend = None
