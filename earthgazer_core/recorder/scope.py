"""The workflow run that messages are published for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_run: ContextVar[str | None] = ContextVar("earthgazer_run", default=None)

RunListener = Callable[[str, str, Mapping[str, Any]], None]
"""Called with (run id, name, parameters) when a run begins."""

listeners: list[RunListener] = []
"""The recorders of this process."""


@contextmanager
def run_scope(name: str, parameters: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Yield the id of a new workflow run: what is published inside, and all that follows, belongs to it.

    Args:
        name: The workflow's name.
        parameters: What it was started with; JSON values, shown to operators.
    """
    run_id = str(uuid.uuid4())
    for listener in listeners:
        listener(run_id, name, parameters or {})
    token = _run.set(run_id)
    try:
        yield run_id
    finally:
        _run.reset(token)


def current_run() -> str | None:
    """Return the run that this code publishes for, if one was named."""
    return _run.get()
