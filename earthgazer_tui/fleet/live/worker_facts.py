"""What one worker says of itself, part by part, as shown; blocks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from earthgazer_core.operations.controls.facts import registered_task
from earthgazer_core.operations.controls.portrait import portrait
from earthgazer_core.operations.mailbox import Answer
from earthgazer_core.operations.pools import pool_name, pool_size
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.clock import moment, number
from earthgazer_tui.fleet.live.controls import ANSWER_WITHIN_S, Controls
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.models import FactKind, FactRow, WorkerFact
from earthgazer_tui.wording import clock, size, span

_MOST_ROWS = 2000
"""Rows of one answer that are kept: a revoked list can hold 50,000."""


class WorkerFacts:
    """Asks one worker about itself."""

    def __init__(
        self,
        names: Names,
        controls: Controls,
        seen: Observations,
        last_seen: Callable[[str], str],
    ) -> None:
        """Take what questions need.

        Args:
            names: Names as shown and as they are.
            controls: Mailboxes.
            seen: Knows which settings of a worker somebody set.
            last_seen: Says of a worker, by its name as shown, when it was heard of.
        """
        self._names = names
        self._controls = controls
        self._seen = seen
        self._last_seen = last_seen

    def ask(self, hostname: str, kinds: Sequence[FactKind], on_fact: Callable[[WorkerFact], None]) -> None:
        """Ask, and tell of each answer at once; of those that don't come, at the end."""
        _, set_by_somebody = self._seen.settings.get(hostname, (None, {}))

        def listen(question: str, answer: Answer) -> None:
            kind = FactKind(question)
            trouble = "" if answer.is_ok else sanitise.line(answer.text)
            rows = () if trouble else tuple(self._rows(kind, answer.value, set_by_somebody))
            on_fact(WorkerFact(kind, rows, answer.elapsed_s, trouble))

        with self._controls.lent() as control:
            heard = portrait(
                control.mailbox,
                self._names.real(hostname),
                [kind.value for kind in kinds],
                timeout_s=ANSWER_WITHIN_S,
                on_part=listen,
            )
        for kind in kinds:
            if kind.value not in heard:
                trouble = f"no answer in {ANSWER_WITHIN_S:g} s; {self._last_seen(hostname)}"
                on_fact(WorkerFact(kind, (), ANSWER_WITHIN_S, sanitise.line(trouble)))

    def _rows(self, kind: FactKind, value: Any, settings: Mapping[str, Any]) -> Iterator[FactRow]:
        match kind:
            case FactKind.STATS if isinstance(value, Mapping):
                yield from _stats(value)
            case FactKind.CLOCK if isinstance(value, Mapping):
                yield FactRow("clock", "logical clock", sanitise.line(value.get("clock", "")))
            case FactKind.ACTIVE | FactKind.RESERVED:
                for item in _items(value):
                    yield self._task_row(item, _since(item))
            case FactKind.SCHEDULED:
                for item in _items(value):
                    request = item.get("request")
                    yield self._task_row(
                        request if isinstance(request, Mapping) else {},
                        f"due {sanitise.name(item.get('eta', '?'))}",
                    )
            case FactKind.QUEUES:
                for item in _items(value):
                    yield self._queue_row(item)
            case FactKind.REVOKED if isinstance(value, list):
                for task_id in value[:_MOST_ROWS]:
                    shown = sanitise.name(task_id)
                    yield FactRow(shown, shown, "will be discarded")
            case FactKind.REGISTERED if isinstance(value, list):
                for line in sorted(map(str, value))[:_MOST_ROWS]:
                    task = registered_task(line)
                    name = self._names.show(task.name)
                    words = ", ".join(f"{key.replace('_', ' ')} {text}" for key, text in task.attributes)
                    yield FactRow(name, name, sanitise.line(words))
            case FactKind.CONF if isinstance(value, Mapping):
                yield from _settings(value, settings)
            case FactKind.REPORT if isinstance(value, Mapping):
                for place, line in enumerate(str(value.get("ok", "")).splitlines()):
                    name, _, words = line.strip().replace(" -> ", ": ").partition(": ")
                    if name:
                        yield FactRow(str(place), sanitise.name(name.strip()), sanitise.url(words.strip()))

    def _task_row(self, item: Mapping[str, Any], when: str) -> FactRow:
        task_id = sanitise.name(item.get("id", "?"))
        info = item.get("delivery_info")
        queue = sanitise.name(info.get("routing_key") or "") if isinstance(info, Mapping) else ""
        pid = f"process {item['worker_pid']}" if isinstance(item.get("worker_pid"), int) else ""
        note = ", ".join(word for word in (when, pid, f"from {queue}" if queue else "") if word)
        return FactRow(task_id, self._names.show(item.get("name", "?")), task_id, note)

    def _queue_row(self, item: Mapping[str, Any]) -> FactRow:
        name = self._names.show(item.get("name", "?"))
        exchange = item.get("exchange")
        via = exchange if isinstance(exchange, Mapping) else {}
        words = f"exchange {via.get('name') or '(default)'} ({via.get('type') or '?'})"
        key = f"routing key {item.get('routing_key') or '(none)'}"
        return FactRow(name, name, sanitise.line(words), sanitise.line(key))


def _stats(stats: Mapping[str, Any]) -> Iterator[FactRow]:
    pool, usage, broker = (_mapping(stats.get(name)) for name in ("pool", "rusage", "broker"))
    now = datetime.now(UTC)
    uptime, memory = number(stats.get("uptime")), number(usage.get("maxrss"))
    kind, true_size = pool_name(stats), pool_size(stats)
    yield FactRow("pool", "pool", sanitise.name(kind or "unknown"))
    yield FactRow("size", "true pool size", "?" if true_size is None else str(true_size), _started_with(pool))
    processes = pool.get("processes")
    if isinstance(processes, list):
        yield FactRow("processes", "processes", sanitise.line(" ".join(map(str, processes))))
    autoscaler = _mapping(stats.get("autoscaler"))
    if autoscaler:
        words = f"{autoscaler.get('min')} to {autoscaler.get('max')}, now {autoscaler.get('current')}"
        yield FactRow("autoscale", "scales itself", sanitise.line(words))
    yield FactRow(
        "prefetch", "prefetch", sanitise.name(stats.get("prefetch_count", "?")), "messages it may hold"
    )
    yield FactRow("pid", "process id", sanitise.name(stats.get("pid", "?")))
    if uptime is not None:
        started = moment(now.timestamp() - uptime)
        yield FactRow("uptime", "up", span(uptime), f"since {clock(started, now)} UTC")
    if memory is not None:
        # Linux counts it in KiB.
        yield FactRow("memory", "memory", size(int(memory) * 1024), "most so far, of the parent process")
    cpu = [number(usage.get(name)) for name in ("utime", "stime")]
    if None not in cpu:
        yield FactRow("cpu", "CPU time", span(sum(value or 0.0 for value in cpu)), "of the parent process")
    limits = pool.get("timeouts")
    if isinstance(limits, list) and any(limits):
        yield FactRow("timeouts", "time limits", sanitise.line(f"soft {limits[0]} s, hard {limits[-1]} s"))
    per_child = pool.get("max-tasks-per-child")
    if per_child not in (None, "N/A"):
        yield FactRow("per-child", "tasks per process", sanitise.name(per_child), "then it is replaced")
    if broker:
        words = f"{broker.get('transport')} {broker.get('hostname')}"
        yield FactRow("broker", "broker", sanitise.url(words))
    total = _mapping(stats.get("total"))
    for name in sorted(total, key=lambda name: (-(number(total[name]) or 0), str(name)))[:_MOST_ROWS]:
        shown = sanitise.name(name)
        yield FactRow(f"total {shown}", "tasks taken", sanitise.name(total[name]), shown)


def _started_with(pool: Mapping[str, Any]) -> str:
    processes, first = pool.get("processes"), pool.get("max-concurrency")
    if not isinstance(processes, list) or not isinstance(first, int) or len(processes) == first:
        return ""
    return f"≠ {first} configured, lost on restart"


def _settings(found: Mapping[str, Any], set_by_somebody: Mapping[str, Any]) -> Iterator[FactRow]:
    """Yield settings, those that somebody set first."""
    for name in sorted(found, key=lambda name: (name not in set_by_somebody, str(name)))[:_MOST_ROWS]:
        value = found[name]
        words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        shown = sanitise.name(name)
        yield FactRow(shown, shown, sanitise.url(words), "" if name in set_by_somebody else "default")


def _since(item: Mapping[str, Any]) -> str:
    started = number(item.get("time_start"))
    if started is None:
        return ""
    return f"for {span(max(0.0, datetime.now(UTC).timestamp() - started))}"


def _items(value: Any) -> list[Mapping[str, Any]]:
    return (
        [item for item in value if isinstance(item, Mapping)][:_MOST_ROWS] if isinstance(value, list) else []
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
