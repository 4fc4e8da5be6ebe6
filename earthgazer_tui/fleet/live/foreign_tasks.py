"""Tasks of a fleet without a flight recorder: what can be known of one, and copies of failed ones; blocks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from celery import Celery
from celery.utils.saferepr import saferepr

from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations.arguments import Arguments, Sources, find_arguments
from earthgazer_core.operations.copies import Copier, Ended
from earthgazer_core.operations.edit import parse_arguments, render_arguments
from earthgazer_core.operations.lock import OperatorLock
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.message import call_of
from earthgazer_core.operations.stored_result import StoredResult, read_result
from earthgazer_core.recorder.describe import Describer
from earthgazer_core.recorder.message import Seal, serialise
from earthgazer_core.recorder.redaction import Redactor, without_secrets
from earthgazer_tui.fleet.errors import NotFoundError, RefusedError
from earthgazer_tui.fleet.live import edited_retry, sanitise
from earthgazer_tui.fleet.live.audit import Audit
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.records import TERMINAL
from earthgazer_tui.fleet.live.remembered import Remembered
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.live.snapshot import task_row
from earthgazer_tui.fleet.live.tasks import timeline_of
from earthgazer_tui.fleet.models import (
    ActionResult,
    EditableArguments,
    RetryMode,
    RetryOffer,
    RetryPlan,
    RetryPlanItem,
    StateChange,
    TaskDetail,
    TaskRow,
)

_AGAIN_S = 4.0
"""For how long what was found of a task is shown before it is looked for again."""
_MOST_FOUND = 200


@dataclass(frozen=True, slots=True)
class Told:
    """What events told of a task."""

    row: TaskRow
    args: str
    kwargs: str
    is_as_told: bool
    result: str
    traceback: str
    parent_id: str | None
    root_id: str | None
    timeline: tuple[StateChange, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a task."""

    task_id: str
    told: Told | None
    result: StoredResult | None
    arguments: Arguments
    only_queue: str | None = None
    """The queue of its worker, where that consumes one alone."""

    @property
    def state(self) -> str:
        """Its state: by the result backend, which knows best, else by events."""
        if self.result is not None:
            return self.result.status
        return "" if self.told is None else self.told.row.state

    @property
    def name(self) -> str:
        """Its name; empty where nobody told."""
        if self.arguments.message is not None:
            return self.arguments.message.name
        # A name with an escape in it is not the one that workers know.
        if self.told is not None and self.told.row.name and "\\" not in self.told.row.name:
            return self.told.row.name
        return (self.result.name if self.result is not None else None) or ""

    @property
    def ended(self) -> Ended:
        """It as one that ended."""
        return Ended(self.task_id, self.name, self.state, self._queue, self.arguments)

    @property
    def _queue(self) -> str | None:
        told = self.told.row.queue if self.told is not None else None
        return self.arguments.queue or told or self.only_queue


class ForeignTasks:
    """Finds out about tasks where only broker, workers and results can tell."""

    def __init__(
        self,
        services: Services,
        state: EventsState,
        seen: Observations,
        audit: Audit,
        mailbox: Callable[[], Mailbox],
        living: Callable[[], tuple[str, ...]],
    ) -> None:
        self._services = services
        self._state = state
        self._seen = seen
        self._audit = audit
        self._mailbox = mailbox
        self._living = living
        self._memory = Remembered()
        self._broker: LeverBroker | None = None
        self._copier: Copier | None = None
        self._found: dict[str, tuple[float, Known]] = {}

    def close(self) -> None:
        """Let go of the broker."""
        if self._broker is not None:
            self._broker.close()

    def remember(self) -> None:
        """Look at messages that are about to run, so that a later failure has their arguments."""
        if self._seen.queues is not None and (broker := self._lever_broker()) is not None:
            self._memory.look(broker, self._seen.queues.queues)

    def detail(self, task_id: str) -> TaskDetail:
        """Return everything about one task.

        Raises:
            NotFoundError: nobody knows it.
        """
        known = self._known(task_id)
        if known.told is None and known.result is None and not known.arguments.is_known:
            raise NotFoundError(
                f"task {sanitise.name(task_id)} is not known: events since the console was started, the"
                " result backend, queues and workers tell nothing of it"
            )
        args, kwargs, is_redacted = self._shown(known)
        told, result = known.told, known.result
        found = TaskDetail(
            row=_row(known),
            args=args,
            kwargs=kwargs,
            args_source=_source(known),
            is_redacted=is_redacted,
            result=_result_text(known),
            traceback=(sanitise.text(result.traceback) if result else "") or (told.traceback if told else ""),
            timeline=told.timeline if told else tuple(_timeline(known)),
            parent_id=sanitise.optional(result.parent_id if result else None)
            or (told.parent_id if told else None),
            root_id=told.root_id if told else None,
            group_id=sanitise.optional(result.group_id if result else None),
            retry=self._offer(known),
        )
        return self._hide(known, found)

    def offer(self, task_id: str) -> RetryOffer:
        """Return whether a copy can be sent."""
        return self._offer(self._known(task_id))

    def plan_retry(self, task_ids: Sequence[str]) -> RetryPlan:
        """Return what copies would be sent where."""
        return RetryPlan(tuple(self._planned(self._known(task_id, is_fresh=True)) for task_id in task_ids))

    def retry(self, task_ids: Sequence[str]) -> ActionResult:
        """Send copies; each is checked again at this moment."""
        done, refused = [], []
        all_known = [self._known(task_id, is_fresh=True) for task_id in task_ids]
        outcomes = self._need_copier().copy_all([known.ended for known in all_known])
        for task_id, known, outcome in zip(task_ids, all_known, outcomes, strict=True):
            target = {"task_id": task_id, "name": known.name}
            try:
                with self._audit.noting("task.retry", target) as note:
                    note |= {"mode": "copy", "arguments": known.arguments.source}
                    if isinstance(outcome, EarthGazerError):
                        raise outcome
                    note |= {"new_id": outcome.new_id, "queue": outcome.queue}
            except EarthGazerError as error:
                refused.append(str(error))
            else:
                done.append(outcome)
            self._found.pop(task_id, None)
        if len(task_ids) == 1 and done:
            one = done[0]
            summary = f"Sent {one.name} as copy {one.new_id[:8]} to queue {one.queue}: {one.note}"
        elif len(task_ids) == 1:
            summary = f"Not retried: {refused[0]}"
        else:
            summary = f"Sent {len(done)} of {len(task_ids)} as copies"
            if refused:
                summary += f"; refused {len(refused)}: {refused[0]}"
        return ActionResult(not refused, sanitise.line(summary))

    def editable_arguments(self, task_id: str) -> EditableArguments:
        """Return the arguments of a task as text to change.

        Raises:
            RefusedError: they are hidden or not known for certain, or no copy can be sent.
        """
        known = self._known(task_id, is_fresh=True)
        args, kwargs = self._changeable(known)
        text = edited_retry.shown(render_arguments(args, kwargs))
        return EditableArguments(sanitise.name(task_id), sanitise.name(known.name), text, _source(known))

    def retry_edited(self, task_id: str, text: str) -> ActionResult:
        """Send a copy with other arguments.

        Raises:
            earthgazer_core.errors.EarthGazerError: it can't be sent, or the text names no arguments.
        """
        args, kwargs = parse_arguments(text)
        known = self._known(task_id, is_fresh=True)
        self._changeable(known)
        arguments = replace(known.arguments, args=args, kwargs=kwargs)
        found = known.arguments.message
        if found is not None and (call := call_of(found.envelope)[0]) is not None:
            content = serialise(self._app, known.name, (args, kwargs, dict(call[2])))
            shown = {"argsrepr": saferepr(args), "kwargsrepr": saferepr(kwargs)}
            message = replace(found, headers={**found.headers, **shown}, content=content)
            arguments = replace(arguments, message=message)
        target = {"task_id": task_id, "name": known.name}
        with self._audit.noting("task.retry", target) as note:
            note |= {"mode": "copy", "arguments": known.arguments.source, "edited": True}
            copied = self._need_copier().copy(replace(known, arguments=arguments).ended)
            note |= {"new_id": copied.new_id, "queue": copied.queue}
        self._found.pop(task_id, None)
        words = f"Sent {copied.name} as copy {copied.new_id[:8]} with other arguments, queue {copied.queue}"
        return ActionResult(True, sanitise.line(words))

    def _changeable(self, known: Known) -> tuple[list[Any], dict[str, Any]]:
        item = self._planned(known)
        if item.mode == RetryMode.REFUSED:
            raise RefusedError(item.note)
        if self._shown(known)[2]:
            raise RefusedError("its arguments are hidden, so they can't be shown to be changed")
        args, kwargs = known.arguments.args, known.arguments.kwargs
        if args is None or kwargs is None:
            raise RefusedError(
                known.arguments.reason or "its arguments can't be read: only sent again as they are"
            )
        return list(args), dict(kwargs)

    def _known(self, task_id: str, *, is_fresh: bool = False) -> Known:
        at, before = self._found.get(task_id, (float("-inf"), None))
        told = self._told(task_id)
        if before is not None and not is_fresh and time.monotonic() - at < _AGAIN_S:
            return replace(before, told=told)
        result = self._result(task_id)
        state = result.status if result is not None else told.row.state if told is not None else ""
        seen = self._memory.find(task_id)
        if seen is not None and not is_fresh:
            arguments = seen
        else:
            arguments = self._look(task_id, told, is_everywhere=is_fresh or state not in TERMINAL)
            if seen is not None and not arguments.is_live:
                arguments = seen
        known = Known(task_id, told, result, arguments, self._only_queue(told))
        if len(self._found) >= _MOST_FOUND:
            self._found.clear()
        self._found[task_id] = (time.monotonic(), known)
        return known

    def _look(self, task_id: str, told: Told | None, *, is_everywhere: bool) -> Arguments:
        told_texts = None
        if told is not None and (told.args or told.kwargs) and told.is_as_told:
            told_texts = (told.args, told.kwargs)
        living = self._living()
        return find_arguments(
            task_id,
            Sources(
                broker=self._lever_broker() if is_everywhere else None,
                mailbox=self._mailbox() if is_everywhere and living else None,
                expected=living,
                app=self._services.app,
                told=told_texts,
            ),
        )

    def _told(self, task_id: str) -> Told | None:
        with self._state.lock:
            task = self._state.find(task_id)
            if task is None:
                return None
            return Told(
                row=task_row(task, self._seen), args=task.args, kwargs=task.kwargs,
                is_as_told=task.is_as_told, result=task.result,
                traceback=task.traceback, parent_id=task.parent_id, root_id=task.root_id,
                timeline=tuple(timeline_of(task)),
            )  # fmt: skip

    def _result(self, task_id: str) -> StoredResult | None:
        if self._services.app is None:
            return None
        try:
            return read_result(self._services.app, task_id)
        except (EarthGazerError, ImportError):
            # What events told is shown without it; a backend whose library isn't here can't be read.
            return None

    def _only_queue(self, told: Told | None) -> str | None:
        report = self._seen.reports.get(told.row.worker or "") if told is not None else None
        queues = () if report is None else report.report.queues
        return queues[0] if len(queues) == 1 else None

    def _offer(self, known: Known) -> RetryOffer:
        item = self._planned(known)
        return RetryOffer(RetryMode(item.mode), item.note)

    def _planned(self, known: Known) -> RetryPlanItem:
        try:
            offer = self._need_copier().offer(known.ended)
            refusal, note, queue, is_whole = offer.refusal, offer.note, offer.queue, offer.is_whole
        except (EarthGazerError, RefusedError) as error:
            refusal, note, queue, is_whole = str(error), "", None, True
        return RetryPlanItem(
            task_id=sanitise.name(known.task_id),
            name=sanitise.name(known.name),
            queue=sanitise.optional(queue),
            mode=str(RetryMode.REFUSED if refusal else RetryMode.COPY),
            note=sanitise.line(refusal or note),
            is_partial=not (refusal or is_whole),
        )

    def _need_copier(self) -> Copier:
        if self._copier is None:
            broker = self._lever_broker()
            lock = OperatorLock(broker) if isinstance(broker, QueueBroker) else None
            self._copier = Copier(self._app, lock)
        return self._copier

    def _lever_broker(self) -> LeverBroker | None:
        # RabbitMQ can't be searched without taking messages out of their queues.
        if self._broker is None and self._services.is_redis:
            self._broker = self._services.queue_broker()
        return self._broker

    @property
    def _app(self) -> Celery:
        if self._services.app is None:
            raise RefusedError("no broker is configured")
        return self._services.app

    def _shown(self, known: Known) -> tuple[str, str, bool]:
        """Return (args, kwargs, whether any is hidden) as they may be shown."""
        told, arguments = known.told, known.arguments
        if arguments.args is None or arguments.kwargs is None:
            if arguments.message is not None:
                own = arguments.message.headers
                texts = [str(own.get(name) or "") for name in ("argsrepr", "kwargsrepr")]
            else:
                texts = [told.args, told.kwargs] if told is not None else ["", ""]
            return self._masked(texts[0], texts[1], is_redacted=False)
        headers: dict[str, Any] = {"task": known.name}
        if arguments.message is not None:
            headers |= arguments.message.headers
        elif told is not None and told.is_as_told:
            # The text that its author chose may hide what a worker tells freely.
            headers |= {"argsrepr": told.args or None, "kwargsrepr": told.kwargs or None}
        body: tuple[Any, Any, dict[str, Any]] = (list(arguments.args), dict(arguments.kwargs), {})
        plain = json.dumps(body[:2], default=str, ensure_ascii=False).encode(errors="replace")
        shown = self._describer.arguments(headers, body, ("application/json", "utf-8", plain))
        if shown.is_redacted:
            return self._masked(shown.args_repr, shown.kwargs_repr, is_redacted=True)
        return self._masked(_json(body[0]), _json(body[1]), is_redacted=False)

    def _masked(self, args: str, kwargs: str, *, is_redacted: bool) -> tuple[str, str, bool]:
        masked = [self._describer.shown_text(sanitise.text(text)) for text in (args, kwargs)]
        return masked[0], masked[1], is_redacted or masked != [sanitise.text(args), sanitise.text(kwargs)]

    def _hide(self, known: Known, detail: TaskDetail) -> TaskDetail:
        """Return a task without what is hidden of its arguments, wherever its result or error repeats it."""
        arguments = known.arguments
        headers = {"task": known.name, "is_redacted": detail.is_redacted}
        hidden = self._describer.hidden_texts(headers, arguments.args, arguments.kwargs)

        def shown(text: str) -> str:
            return self._describer.shown_text(without_secrets(text, hidden))

        row, message = detail.row, detail.row.error_message
        return replace(
            detail,
            row=row if message is None else replace(row, error_message=shown(message)),
            result=shown(detail.result),
            traceback=shown(detail.traceback),
            timeline=tuple(replace(change, detail=shown(change.detail)) for change in detail.timeline),
        )

    @cached_property
    def _describer(self) -> Describer:
        return Describer(self._app, Redactor(self._app, self._services.settings.recorder.redact), Seal(None))


def _row(known: Known) -> TaskRow:
    told, result, message = known.told, known.result, known.arguments.message
    row = told.row if told is not None else TaskRow(
        task_id=sanitise.name(known.task_id), name="", state=known.state or "PENDING", queue=None,
        worker=None, at=datetime.now(UTC), runtime_s=None, retries=0, attempt=1, error_type=None,
        error_message=None,
        capture_id=None, run_id=None,
    )  # fmt: skip
    if message is not None:
        row = replace(row, name=sanitise.name(message.name), queue=sanitise.optional(message.queue))
    if result is None:
        return row
    return replace(
        row,
        name=row.name or sanitise.name(result.name or "(name unknown)"),
        state=sanitise.name(result.status),
        at=result.done_at or row.at,
        worker=row.worker or sanitise.optional(result.worker),
        queue=row.queue or sanitise.optional(result.queue),
        error_type=sanitise.optional(result.error_type) or row.error_type,
        error_message=sanitise.optional(result.error_message) or row.error_message,
    )


def _source(known: Known) -> str:
    if known.arguments.is_known:
        unsure = f" ({known.arguments.reason})" if known.arguments.reason else ""
        return sanitise.line(known.arguments.source + unsure)
    return "event (may be cut)" if known.told is not None else "not known"


def _result_text(known: Known) -> str:
    result = known.result
    if result is not None and result.status == "SUCCESS" and result.result is not None:
        return _json(result.result)
    return known.told.result if known.told is not None else ""


def _timeline(known: Known) -> Iterator[StateChange]:
    result = known.result
    if result is not None and result.done_at is not None:
        yield StateChange(
            sanitise.name(result.status), result.done_at, sanitise.optional(result.worker), 1, ""
        )


def _json(value: Any) -> str:
    return sanitise.text(json.dumps(value, ensure_ascii=False, default=str))
