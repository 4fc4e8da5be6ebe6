"""The publisher's side: every message as it leaves, with the run that it belongs to."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from celery import current_task

from earthgazer_core.recorder.batch import Record, Row
from earthgazer_core.recorder.clock import RecordClock
from earthgazer_core.recorder.describe import Describer, change_row, parse_time, state_row
from earthgazer_core.recorder.graph import Forecast, chord_slots
from earthgazer_core.recorder.redaction import Redactor
from earthgazer_core.recorder.scope import current_run


class Taker(Protocol):
    """Whatever takes records."""

    clock: RecordClock
    """What they are stamped by."""

    def add(self, records: Iterable[Record]) -> int:
        """Take records; return the number of the last one."""
        ...


class PublishRecorder:
    """Handlers of the two signals around publishing.

    The first says which run the message belongs to and masks what its headers would show; only the
    second records it, so that a message that a broken broker refused isn't on the record as sent.
    """

    def __init__(self, writer: Taker, describer: Describer, redactor: Redactor) -> None:
        self._writer = writer
        self._describer = describer
        self._redactor = redactor
        self._pending = threading.local()

    def before(
        self,
        body: Any = None,
        headers: dict[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        exchange: Any = None,
        routing_key: str | None = None,
        declare: Any = None,
        **_: Any,
    ) -> None:
        """Prepare the records of a message, and put the run's id and a later attempt's number into it."""
        self._pending.records = None
        # Protocol 1 has its headers in the body; no current Celery publishes it unless told to.
        if not isinstance(body, tuple) or not headers or "id" not in headers:
            return
        at = self._writer.clock.now()
        embed = body[2] or {}
        request: Any = current_task.request if current_task else {}
        is_inherited = self._inherit(headers, embed, request)
        _stamp(headers)
        arguments = self._describer.arguments(headers, body)
        if arguments.is_redacted:
            headers.update(argsrepr=arguments.args_repr, kwargsrepr=arguments.kwargs_repr, is_redacted=True)
        exchange_name = getattr(exchange, "name", exchange) or ""
        properties = {**(properties or {}), "exchange": exchange_name, "routing_key": routing_key}
        queue = getattr(declare[0], "name", None) if declare else None
        is_retry = bool(headers.get("retries"))
        state = "RETRY" if is_retry else "PENDING"
        execution = {
            **self._describer.fixed(headers, arguments),
            **state_row(headers, state, at, is_published=True),
            "queue": queue or (routing_key if not exchange_name else None),
            "exchange": exchange_name,
            "routing_key": routing_key,
            "priority": properties.get("priority"),
            "capture_id": self._describer.capture_id(headers["task"], body[0], body[1]),
            "sent_at": at,
            "eta": parse_time(headers.get("eta")),
            "expires": parse_time(headers.get("expires")),
        }
        records: list[Record] = [
            ("messages", self._describer.message(headers, properties, arguments, at)),
            ("executions", execution),
        ]
        if not is_retry:
            records.append(("changes", change_row(headers, state, at, None)))
        follows = any(embed.get(key) for key in ("chain", "chord", "callbacks"))
        if is_inherited or follows or headers.get("group"):
            records += self._steps(headers, embed, request, at)
        self._pending.task_id = headers["id"]
        self._pending.records = records

    def after(self, headers: Mapping[str, Any] | None = None, **_: Any) -> None:
        """Record the message that was prepared, now that the broker has it."""
        records = getattr(self._pending, "records", None)
        if records and headers and headers.get("id") == self._pending.task_id:
            self._writer.add(records)
        self._pending.records = None

    def _inherit(self, headers: dict[str, Any], embed: Mapping[str, Any], request: Any) -> bool:
        """Put the run's id into the headers; return whether it comes from outside this message."""
        if request and request.get("id") == headers["id"] and request.get("attempt"):
            # A task that retries or replaces itself goes on with the attempt that an operator began.
            headers.setdefault("attempt", request.get("attempt"))
        inherited = headers.get("run_id") or current_run()
        if not inherited and request:
            inherited = request.get("run_id") or request.get("root_id")
        if inherited:
            headers["run_id"] = inherited
            return True
        slots = chord_slots(headers, embed)
        headers["run_id"] = headers.get("group") or (
            slots[0]["group_id"] if slots else headers.get("root_id")
        )
        return False

    def _steps(
        self, headers: dict[str, Any], embed: Mapping[str, Any], request: Any, at: datetime
    ) -> list[Record]:
        running = request.get("id") if request else None
        chain: Any = request.get("chain") if request else ()
        is_next = bool(chain) and (chain[-1].get("options") or {}).get("task_id") == headers["id"]
        forecast = Forecast(headers["run_id"], int(at.timestamp() * 1_000_000), self._redactor, running)
        if running and running != headers["id"]:
            forecast.message({"id": running, "task": request.get("task")}, {}, (), is_announced=True)
        after = [headers["parent_id"]] if headers.get("parent_id") else []
        # What follows the next link of a chain was told by the link before, if that was recorded.
        forecast.message(headers, embed, after, is_announced=is_next and bool(request.get("run_id")))
        rows: list[Record] = [("runs", _recognised_run(headers, embed, at))]
        return rows + [("steps", step) for step in forecast.steps.values()]


def _stamp(headers: dict[str, Any]) -> None:
    """Stamp the message with its run, so that workers can discard whatever a cancelled run still brings."""
    stamps = dict(headers.get("stamps") or {})
    stamps["run_id"] = headers["run_id"]
    headers["stamps"] = stamps
    headers["stamped_headers"] = list(stamps)


def _recognised_run(headers: Mapping[str, Any], embed: Mapping[str, Any], at: datetime) -> Row:
    """Return a run named after what began it; one that was named on purpose keeps its name."""
    name = headers["task"]
    if chord_slots(headers, embed):
        name = f"chord of {name}"
    elif headers.get("group"):
        name = f"group of {name}"
    return {"run_id": headers["run_id"], "name": name, "parameters": {}, "created_at": at, "is_named": False}
