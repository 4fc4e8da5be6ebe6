"""What is known of a task as it may be shown: texts made safe, secrets hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from earthgazer_core.recorder.describe import Describer
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.redaction import Redactor, without_secrets
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.known_task import Known
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.models import RetryOffer, StateChange, TaskDetail, TaskRow


class KnownDetails:
    """Shows what is known of tasks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def detail(self, known: Known, offer: RetryOffer) -> TaskDetail:
        """Return everything about one task."""
        args, kwargs, is_redacted = self.arguments(known)
        told, result = known.told, known.result
        found = TaskDetail(
            row=_row(known),
            args=args,
            kwargs=kwargs,
            args_source=source_of(known),
            is_redacted=is_redacted,
            result=_result_text(known),
            traceback=(sanitise.text(result.traceback) if result else "") or (told.traceback if told else ""),
            timeline=told.timeline if told else tuple(_timeline(known)),
            parent_id=sanitise.optional(result.parent_id if result else None)
            or (told.parent_id if told else None),
            root_id=told.root_id if told else None,
            group_id=sanitise.optional(result.group_id if result else None),
            retry=offer,
        )
        return self._hide(known, found)

    def arguments(self, known: Known) -> tuple[str, str, bool]:
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
        app = self._services.need_app()
        return Describer(app, Redactor(app, self._services.settings.recorder.redact), Seal(None))


def source_of(known: Known) -> str:
    """Return in words where the arguments of a task are from."""
    if known.arguments.is_known:
        unsure = f" ({known.arguments.reason})" if known.arguments.reason else ""
        return sanitise.line(known.arguments.source + unsure)
    return "event (may be cut)" if known.told is not None else "not known"


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
