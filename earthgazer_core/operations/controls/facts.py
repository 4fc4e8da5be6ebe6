"""What workers say of their settings, their tasks and the ids they discard."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from earthgazer_core.operations.controls.control import WorkerControl
from earthgazer_core.operations.mailbox import Answer
from earthgazer_core.recorder.redaction import MASK

T = TypeVar("T")

_SECRET_NAME = re.compile(r"pass|secret|token|api_?key|private|encryption|security_key", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^@/\s]+(?=@)")
TASK_ATTRIBUTES = ("rate_limit", "time_limit", "soft_time_limit", "max_retries", "acks_late", "priority")
"""What to ask of registered tasks."""


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What each worker said."""

    by_worker: Mapping[str, T]
    """Answers by worker, in order of arrival."""
    refused: tuple[tuple[str, str], ...]
    """(worker, what it said instead)."""
    silent: tuple[str, ...]
    """Workers that did not answer in time."""


@dataclass(frozen=True, slots=True)
class RegisteredTask:
    """A task that a worker knows."""

    name: str
    """Task name."""
    attributes: tuple[tuple[str, str], ...]
    """(attribute, value) of those that are set."""


def conf(
    control: WorkerControl,
    workers: str | Sequence[str],
    *,
    with_defaults: bool = False,
    on_worker: Callable[[str, tuple[tuple[str, Any], ...]], None] | None = None,
) -> Told[tuple[tuple[str, Any], ...]]:
    """Return the settings of workers by name, without secrets.

    Raises:
        NotFoundError: a pattern matches nobody.
        ServiceUnavailableError: the broker is away.
    """

    def settings(value: Any) -> tuple[tuple[str, Any], ...] | None:
        if not isinstance(value, dict):
            return None
        return tuple((str(name), masked(str(name), value[name])) for name in sorted(value))

    return _tell(control, workers, "conf", {"with_defaults": with_defaults}, settings, on_worker)


def registered(
    control: WorkerControl,
    workers: str | Sequence[str],
    *,
    builtins: bool = False,
    on_worker: Callable[[str, tuple[RegisteredTask, ...]], None] | None = None,
) -> Told[tuple[RegisteredTask, ...]]:
    """Return the tasks that workers know, with their limits.

    Raises:
        NotFoundError: a pattern matches nobody.
        ServiceUnavailableError: the broker is away.
    """

    def tasks(value: Any) -> tuple[RegisteredTask, ...] | None:
        return tuple(registered_task(str(line)) for line in value) if isinstance(value, list) else None

    arguments = {"taskinfoitems": list(TASK_ATTRIBUTES), "builtins": builtins}
    return _tell(control, workers, "registered", arguments, tasks, on_worker)


def revoked(
    control: WorkerControl,
    workers: str | Sequence[str],
    *,
    on_worker: Callable[[str, tuple[str, ...]], None] | None = None,
) -> Told[tuple[str, ...]]:
    """Return the ids of tasks that workers will discard.

    Raises:
        NotFoundError: a pattern matches nobody.
        ServiceUnavailableError: the broker is away.
    """

    def ids(value: Any) -> tuple[str, ...] | None:
        return tuple(str(task_id) for task_id in value) if isinstance(value, list) else None

    return _tell(control, workers, "revoked", {}, ids, on_worker)


def _tell(
    control: WorkerControl,
    workers: str | Sequence[str],
    command: str,
    arguments: Mapping[str, Any],
    read: Callable[[Any], T | None],
    on_worker: Callable[[str, T], None] | None,
) -> Told[T]:
    found: dict[str, T] = {}
    refused: list[tuple[str, str]] = []

    def listen(answer: Answer) -> None:
        value = read(answer.value) if answer.is_ok else None
        if value is None:
            refused.append((answer.worker, answer.text))
            return
        found[answer.worker] = value
        if on_worker is not None:
            on_worker(answer.worker, value)

    told = control.mailbox.ask(
        command,
        arguments,
        destination=control.targets(workers),
        timeout_s=control.timeout_s,
        on_answer=listen,
    )
    return Told(found, tuple(refused), told.silent)


def registered_task(line: str) -> RegisteredTask:
    """Return what a worker says of a task, ``steps.add [rate_limit=10/m]``."""
    name, bracket, rest = line.partition(" [")
    if not bracket:
        return RegisteredTask(name, ())
    # Values are words of Celery's own, but may hold blanks: split where an attribute begins.
    parts = re.split(rf"(?:^| )({'|'.join(TASK_ATTRIBUTES)})=", rest.removesuffix("]"))
    return RegisteredTask(name, tuple(zip(parts[1::2], parts[2::2], strict=True)))


def masked(name: str, value: Any) -> Any:
    """Return a setting without secrets; Celery hides those of its own that it knows."""
    if _SECRET_NAME.search(name) and value not in (None, "", False, True):
        return MASK
    if isinstance(value, Mapping):
        return {str(key): masked(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked("", item) for item in value]
    return _USER_INFO.sub(MASK, value) if isinstance(value, str) else value
