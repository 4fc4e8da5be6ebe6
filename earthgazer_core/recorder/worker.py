"""The worker's side: what became of each task."""

from __future__ import annotations

import os
import traceback as tracebacks
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from celery import Celery
from celery.app.task import Context

from earthgazer_core.recorder.batch import Record, Row
from earthgazer_core.recorder.chords import ChordRecorder
from earthgazer_core.recorder.describe import BEFORE_ALL, Describer, change_row, state_row
from earthgazer_core.recorder.graph import chord_slots, first_steps
from earthgazer_core.recorder.kills import BEGUN_BEFORE, has_begun_before
from earthgazer_core.recorder.log_tail import LOG, LogTail
from earthgazer_core.recorder.message import serialise
from earthgazer_core.recorder.order import BLOCKED_ORDER, PROGRESS, REPLACED
from earthgazer_core.recorder.redaction import without_secrets
from earthgazer_core.recorder.results import kept_result
from earthgazer_core.recorder.writer import Writer

_DURABLE_WITHIN_S = 2.0
"""Longest time that a failing task waits for the database before its record goes to the spool."""
_LONGEST_TRACEBACK = 64 * 1024
_LONGEST_MESSAGE = 8 * 1024

_HEADERS = (
    "lang", "task", "id", "shadow", "eta", "expires", "group", "group_index", "retries", "timelimit",
    "root_id", "parent_id", "argsrepr", "kwargsrepr", "origin", "ignore_result", "replaced_task_nesting",
    "stamped_headers", "stamps", "run_id", "attempt", "is_redacted", "copy_of",
)  # fmt: skip
_TOLD = (
    "task", "id", "group", "group_index", "retries", "root_id", "parent_id", "replaced_task_nesting",
    "run_id", "attempt", "is_redacted", "copy_of",
)  # fmt: skip
"""Headers that the rows of a task that goes well are made of."""
_EMBED = ("callbacks", "errbacks", "chain", "chord")


class WorkRecorder:
    """Handlers of the worker's signals, in its parent and in its pool's processes."""

    def __init__(
        self, app: Celery, writer: Writer, describer: Describer, chords: ChordRecorder, log_tail: LogTail
    ) -> None:
        self._app = app
        self._chords = chords
        self._log_tail = log_tail
        self._writer = writer
        self._describer = describer
        self._held: WeakValueDictionary[str, Any] = WeakValueDictionary()
        """Requests of a worker's parent: its timeout handler tells the id of a task alone."""

    def received(self, sender: Any = None, request: Any = None, **_: Any) -> None:
        """Record that a worker holds a message; the message too, if its publisher doesn't record."""
        if request.app is not self._app:
            return
        at = self._writer.clock.now()
        self._held[request.id] = request
        headers = request.request_dict
        execution = {
            **self._describer.fixed(headers, None),
            **state_row(headers, "RECEIVED", at),
            "worker": request.hostname,
            "received_at": at,
        }
        records: list[Record] = []
        if not headers.get("run_id"):
            records.append(("messages", self._foreign_message(request, execution)))
        records += [
            ("executions", execution),
            ("changes", change_row(headers, "RECEIVED", at, request.hostname)),
        ]
        self._writer.add(records)

    def started(self, task: Any = None, args: Any = None, kwargs: Any = None, **_: Any) -> None:
        """Record that a task runs."""
        request = task.request
        if not self._is_ours(task) or request.is_eager:
            return
        at = self._writer.clock.now()
        headers = _told(request)
        row = {
            **self._describer.fixed(headers, None),
            **state_row(headers, "STARTED", at),
            "worker": request.hostname,
            "pid": os.getpid(),
            "started_at": at,
            "capture_id": self._describer.capture_id(task.name, args, kwargs),
        }
        detail: Row = {"retries": request.retries} if request.retries else {}
        if has_begun_before(self._app, request):
            detail[BEGUN_BEFORE] = True
        change = change_row(headers, "STARTED", at, request.hostname, detail or None)
        self._writer.add([("executions", row), ("changes", change)])
        self._log_tail.begin(request.id)

    def succeeded(
        self, sender: Any = None, result: Any = None, runtime: float | None = None, **_: Any
    ) -> None:
        """Record a result; a chord can be rebuilt from those of its members."""
        request = sender.request
        if not self._is_ours(sender) or request.is_eager:
            return
        at = self._writer.clock.now()
        headers = _told(request)
        hidden = self._describer.hidden_texts(headers, request.args, request.kwargs)
        shown = self._describer.shown_result(result)
        row = {
            "task_id": request.id,
            "name": headers["task"],
            **state_row(headers, "SUCCESS", at),
            "worker": request.hostname,
            "finished_at": at,
            "runtime_s": runtime,
            "result": kept_result(shown, hidden),
        }
        detail = None if runtime is None else {"runtime_s": round(runtime, 6)}
        self._writer.add(
            [
                ("executions", row),
                ("changes", change_row(headers, "SUCCESS", at, request.hostname, detail)),
                *self._chords.part(request, result, at, must_seal=bool(hidden) or shown is not result),
                *self._chords.seen(request, at),
            ]
        )

    def ended(self, task: Any = None, state: Any = None, retval: Any = None, **_: Any) -> None:
        """Record the ends that have no signal of their own."""
        if not self._is_ours(task) or task.request.is_eager:
            return
        self._log_tail.end(task.request.id)
        if state not in ("IGNORED", "REJECTED"):
            return
        # Celery says that a task replaced itself by the words of the exception alone.
        is_replaced = state == "IGNORED" and "Replaced by" in str(retval)
        at = self._writer.clock.now()
        headers = _headers(task.request)
        state = REPLACED if is_replaced else state
        row = {"task_id": headers["id"], "name": headers["task"], **state_row(headers, state, at),
               "worker": task.request.hostname}  # fmt: skip
        if not is_replaced and state == "IGNORED":
            row["finished_at"] = at
        self._writer.add(
            [("executions", row), ("changes", change_row(headers, state, at, task.request.hostname))]
        )

    def retried(
        self, sender: Any = None, request: Any = None, reason: Any = None, einfo: Any = None, **_: Any
    ) -> None:
        """Record that a task asked to be run again later."""
        if not self._is_ours(sender) or request.is_eager:
            return
        at = self._writer.clock.now()
        headers = _headers(request)
        error = self._error(getattr(reason, "exc", None) or reason, einfo, request)
        row = {"task_id": headers["id"], "name": headers["task"], **state_row(headers, "RETRY", at),
               "worker": request.hostname, **error}  # fmt: skip
        detail = error | self._log(request)
        self._writer.add(
            [("executions", row), ("changes", change_row(headers, "RETRY", at, request.hostname, detail))]
        )

    def failed(
        self,
        sender: Any = None,
        task_id: str = "",
        exception: Any = None,
        einfo: Any = None,
        **_: Any,
    ) -> None:
        """Record a failure, and all that a retry of it needs, before the message is acknowledged."""
        request = self._request_of(sender, task_id)
        if request is None or not self._is_ours(sender) or request.is_eager:
            return
        self._end(sender, request, "FAILURE", self._error(exception, einfo, request))

    def broken(
        self,
        sender: Any = None,
        task_id: str = "",
        request: Any = None,
        exception: Any = None,
        einfo: Any = None,
        **_: Any,
    ) -> None:
        """Record a failure of the machinery around a task."""
        if not self._is_ours(sender) or not request:
            return
        context = Context(request)
        if not context.is_eager:
            self._end(sender, context, "FAILURE", self._error(exception, einfo, context))

    def revoked(
        self,
        sender: Any = None,
        request: Any = None,
        terminated: bool = False,
        expired: bool = False,
        **_: Any,
    ) -> None:
        """Record that a task was discarded or ended by an operator, or came too late."""
        if not self._is_ours(sender):
            return
        why = (
            "it expired"
            if expired
            else "an operator ended its process"
            if terminated
            else "an operator revoked it"
        )
        kind = "expired" if expired else "terminated" if terminated else "revoked"
        self._end(sender, request, "REVOKED", {"error_type": kind, "error_message": why, "traceback": None})

    def unknown(self, sender: Any = None, message: Any = None, name: str = "", **_: Any) -> None:
        """Record a message for a task that this worker doesn't know."""
        if getattr(sender, "app", None) is not self._app or not message.headers.get("id"):
            return
        at = self._writer.clock.now()
        headers = message.headers
        error = {
            "error_type": "NotRegistered",
            "error_message": f"no worker code for task {name}",
            "traceback": None,
        }
        row = {**self._describer.fixed(headers, None), **state_row(headers, "FAILURE", at),
               "worker": sender.hostname, "finished_at": at, **error}  # fmt: skip
        change = change_row(headers, "FAILURE", at, sender.hostname, error)
        self._writer.write_through([("executions", row), ("changes", change)], _DURABLE_WITHIN_S)

    def progressed(self, request: Any, percent: float, stage: str) -> None:
        """Record how far a running task is."""
        at = self._writer.clock.now()
        headers = _told(request)
        row = {"task_id": headers["id"], "name": headers["task"], **state_row(headers, PROGRESS, at),
               "worker": request.hostname, "percent": float(percent), "stage": stage}  # fmt: skip
        self._writer.add([("executions", row)])

    def _end(self, task: Any, request: Any, state: str, error: Row) -> None:
        at = self._writer.clock.now()
        headers = _headers(request)
        embed = {name: request.get(name) for name in _EMBED}
        arguments = self._describer.arguments(headers, (request.args, request.kwargs, embed))
        row = {
            **self._describer.fixed(headers, arguments),
            **state_row(headers, state, at),
            "worker": request.hostname,
            "finished_at": at,
            "capture_id": self._describer.capture_id(task.name, request.args, request.kwargs),
            **error,
        }
        delivery = request.delivery_info or {}
        place = {name: delivery.get(name) for name in ("exchange", "routing_key", "priority")}
        # The publisher knows the queue; its own record may still be on its way.
        row |= {**place, "queue": None if place["exchange"] else place["routing_key"]}
        properties = {name: request.get(name) for name in ("correlation_id", "reply_to")} | place
        records: list[Record] = [
            ("messages", self._describer.message(headers, properties, arguments, BEFORE_ALL)),
            ("changes", change_row(headers, state, at, request.hostname, error | self._log(request))),
            ("executions", row),
        ]
        records += [("executions", body) for body in _blocked(headers, embed, at)]
        records += self._chords.seen(request, at)
        self._writer.write_through(records, _DURABLE_WITHIN_S)

    def _foreign_message(self, request: Any, execution: Row) -> Row:
        """Return the row of a message that came unrecorded, and fill in what it says of the execution."""
        headers = request.request_dict
        args, kwargs, embed = request._payload
        raw = request.body.encode() if isinstance(request.body, str) else bytes(request.body)
        payload = (request.content_type, request.content_encoding, raw)
        if request.content_type is None:
            payload = serialise(self._app, headers["task"], (args, kwargs, embed))
        arguments = self._describer.arguments(headers, (args, kwargs, embed), payload)
        delivery = request.delivery_info
        execution.update(self._describer.fixed(headers, arguments))
        execution.update(
            run_id=headers.get("group") or headers.get("root_id"),
            exchange=delivery.get("exchange"),
            routing_key=delivery.get("routing_key"),
            priority=delivery.get("priority"),
            queue=delivery.get("routing_key") if not delivery.get("exchange") else None,
            capture_id=self._describer.capture_id(headers["task"], args, kwargs),
        )
        kept = {name: value for name, value in headers.items() if name in request.message.headers}
        properties = {
            **{
                name: value
                for name, value in (request.message.properties or {}).items()
                if name != "delivery_info"
            },
            "exchange": delivery.get("exchange"),
            "routing_key": delivery.get("routing_key"),
        }
        return self._describer.message(kept, properties, arguments, self._writer.clock.now())

    def _request_of(self, task: Any, task_id: str) -> Any:
        if task.request.id == task_id:
            return task.request
        held = self._held.get(task_id)
        return None if held is None else Context({**held.request_dict, **(held._payload[2] or {})})

    def _error(self, exception: Any, einfo: Any, request: Any) -> Row:
        hidden = self._describer.hidden_texts(_headers(request), request.args, request.kwargs)
        text = getattr(einfo, "traceback", None) or ""
        if not text and isinstance(exception, BaseException):
            text = "".join(tracebacks.format_exception(exception))
        return {
            "error_type": type(exception).__name__,
            "error_message": self._shown(_text(exception), hidden)[:_LONGEST_MESSAGE],
            # The end of a traceback says most.
            "traceback": self._shown(str(text), hidden)[-_LONGEST_TRACEBACK:] or None,
        }

    def _log(self, request: Any) -> Row:
        """Return what the task logged before it failed, for the change of its state alone."""
        hidden = self._describer.hidden_texts(_headers(request), request.args, request.kwargs)
        text = self._log_tail.excerpt(request.id, hidden, self._describer.shown_text)
        return {} if text is None else {LOG: text}

    def _shown(self, text: str, hidden: tuple[str, ...]) -> str:
        return self._describer.shown_text(without_secrets(text, hidden))

    def _is_ours(self, task: Any) -> bool:
        return task is not None and task.app is self._app


def _headers(request: Any) -> Row:
    """Return the message headers that a request came with, those of the application's own included."""
    known = {name: value for name in _HEADERS if (value := request.get(name)) is not None}
    return {**(request.get("headers") or {}), **known}


def _told(request: Any) -> Row:
    """Return the few headers that most records need, quickly."""
    known = vars(request)
    if known.get("headers"):
        return _headers(request)
    return {name: value for name in _TOLD if (value := known.get(name)) is not None}


def _blocked(headers: Mapping[str, Any], embed: Mapping[str, Any], at: datetime) -> list[Row]:
    """Return executions of the chords' bodies that can't run because this header failed."""
    return [
        {
            "task_id": task_id,
            "name": name,
            "state": "FAILURE",
            "state_order": BLOCKED_ORDER,
            "retries": 0,
            "attempt": 1,
            "updated_at": at,
            "finished_at": at,
            "run_id": headers.get("run_id"),
            "error_type": "ChordError",
            "error_message": f"blocked by {headers['task']} {headers['id']}",
            "blocked_by": headers["id"],
        }
        for slot in chord_slots(headers, embed)
        for task_id, name in first_steps(slot["body"])
    ]


def _text(exception: Any) -> str:
    try:
        return str(exception)
    except Exception as error:  # noqa: BLE001 - a foreign __str__ may raise anything; the failure is still recorded
        return f"(its text can't be read: {type(error).__name__})"
