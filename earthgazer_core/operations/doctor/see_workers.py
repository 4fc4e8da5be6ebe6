"""The workers as Doctor sees them: everything that they can say, asked in one go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import psutil

from earthgazer_core.operations.doctor.access import FleetAccess
from earthgazer_core.operations.doctor.observations import HeldTask, WorkerSeen
from earthgazer_core.operations.mailbox import Answer, Command, Mailbox
from earthgazer_core.operations.workers import report_of

_COMMANDS: tuple[Command, ...] = (
    ("stats", {}),
    ("active", {}),
    ("active_queues", {}),
    ("reserved", {}),
    ("scheduled", {}),
    ("registered", {"taskinfoitems": ["rate_limit"], "builtins": True}),
    ("revoked", {}),
    ("conf", {}),
    # Its event carries the worker's clock.
    ("heartbeat", {}),
)
_RATE = re.compile(r"(?P<name>.+) \[rate_limit=(?P<rate>.*)\]")
_EVENT_OPTIONS = ("-E", "--task-events", "--events")


def see_workers(access: FleetAccess, mailbox: Mailbox) -> tuple[WorkerSeen, ...]:
    """Return the workers that answer, by name.

    Nobody is awaited by name: two workers that share one both have time to answer.
    """
    heard: dict[str, dict[str, list[Any]]] = {}

    def listen(command: str, answer: Answer) -> None:
        heard.setdefault(answer.worker, {}).setdefault(command, []).append(answer.value)

    mailbox.ask_many(_COMMANDS, timeout_s=access.patience_s, on_answer=listen)
    return tuple(_seen(name, heard[name], access) for name in sorted(heard))


def periodic_tasks(workers: tuple[WorkerSeen, ...]) -> frozenset[str]:
    """Return the names of tasks that the workers' settings schedule."""
    names = set()
    for worker in workers:
        schedule = (worker.conf or {}).get("beat_schedule")
        for entry in schedule.values() if isinstance(schedule, Mapping) else ():
            if isinstance(entry, Mapping) and entry.get("task"):
                names.add(str(entry["task"]))
    return frozenset(names)


def _seen(name: str, answers: Mapping[str, list[Any]], access: FleetAccess) -> WorkerSeen:
    parts = {command: values[0] for command, values in answers.items()}
    pids = {stats["pid"] for stats in answers.get("stats", ()) if isinstance(stats, dict) and "pid" in stats}
    registered = parts.get("registered")
    names: dict[str, str] = {}
    for line in registered if isinstance(registered, list) else ():
        found = _RATE.fullmatch(str(line))
        names[found["name"] if found else str(line)] = found["rate"] if found else ""
    conf = parts.get("conf")
    conf = conf if isinstance(conf, dict) and "error" not in conf else None
    return WorkerSeen(
        report=report_of(name, parts),
        pids=tuple(sorted(pids)),
        reserved=tuple(_held(one) for one in _dicts(parts.get("reserved"))),
        scheduled=tuple(_held(one) for one in _dicts(parts.get("scheduled"))),
        registered=frozenset(names) if isinstance(registered, list) else None,
        # A rate of 0 is none.
        rate_limits={name: rate for name, rate in names.items() if rate not in ("", "0")},
        revoked=frozenset(str(one) for one in _list(parts.get("revoked"))),
        conf=conf,
        skew_s=None,
        sends_events=bool((conf or {}).get("worker_send_task_events"))
        or name in access.sends_events
        or any(_asks_for_events(pid) for pid in pids),
    )


def _held(entry: Mapping[str, Any]) -> HeldTask:
    request = entry.get("request")
    request = request if isinstance(request, dict) else entry
    return HeldTask(str(request.get("id")), str(request.get("name")), _time(entry.get("eta")))


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone() if isinstance(value, str) else None
    except ValueError:
        return None


def _asks_for_events(pid: int) -> bool:
    """Whether a worker on this machine was started with ``-E``, which its settings don't show."""
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return any("celery" in word for word in words) and any(option in words for option in _EVENT_OPTIONS)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in _list(value) if isinstance(one, dict))
