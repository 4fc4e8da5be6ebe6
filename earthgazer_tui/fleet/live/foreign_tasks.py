"""Tasks of a fleet without a flight recorder: each one's detail, and copies of failed ones; blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from celery.utils.saferepr import saferepr

from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations.copies import Copier
from earthgazer_core.operations.edit import parse_arguments, render_arguments
from earthgazer_core.operations.lock import OperatorLock
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.queues.message import call_of
from earthgazer_core.recorder.message import serialise
from earthgazer_tui.fleet.errors import NotFoundError, RefusedError
from earthgazer_tui.fleet.live import edited_retry, sanitise
from earthgazer_tui.fleet.live.audit import Audit
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.known_detail import KnownDetails, source_of
from earthgazer_tui.fleet.live.known_task import Known
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.live.task_finder import TaskFinder
from earthgazer_tui.fleet.models import (
    ActionResult,
    EditableArguments,
    RetryMode,
    RetryOffer,
    RetryPlan,
    RetryPlanItem,
    TaskDetail,
)


class ForeignTasks:
    """Shows and copies tasks where only broker, workers and results can tell of them."""

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
        self._audit = audit
        self._finder = TaskFinder(services, state, seen, mailbox, living)
        self._details = KnownDetails(services)
        self._copier: Copier | None = None

    def close(self) -> None:
        """Let go of the broker."""
        self._finder.close()

    def remember(self) -> None:
        """Look at messages that are about to run, so that a later failure has their arguments."""
        self._finder.remember()

    def detail(self, task_id: str) -> TaskDetail:
        """Return everything about one task.

        Raises:
            NotFoundError: nobody knows it.
        """
        known = self._finder.find(task_id)
        if known.told is None and known.result is None and not known.arguments.is_known:
            raise NotFoundError(
                f"task {sanitise.name(task_id)} is not known: events since the console was started, the"
                " result backend, queues and workers tell nothing of it"
            )
        return self._details.detail(known, self._offer(known))

    def offer(self, task_id: str) -> RetryOffer:
        """Return whether a copy can be sent."""
        return self._offer(self._finder.find(task_id))

    def plan_retry(self, task_ids: Sequence[str]) -> RetryPlan:
        """Return what copies would be sent where."""
        return RetryPlan(
            tuple(self._planned(self._finder.find(task_id, is_fresh=True)) for task_id in task_ids)
        )

    def retry(self, task_ids: Sequence[str]) -> ActionResult:
        """Send copies; each is checked again at this moment."""
        done, refused = [], []
        all_known = [self._finder.find(task_id, is_fresh=True) for task_id in task_ids]
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
            self._finder.forget(task_id)
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
        known = self._finder.find(task_id, is_fresh=True)
        args, kwargs = self._changeable(known)
        text = edited_retry.shown(render_arguments(args, kwargs))
        return EditableArguments(sanitise.name(task_id), sanitise.name(known.name), text, source_of(known))

    def retry_edited(self, task_id: str, text: str) -> ActionResult:
        """Send a copy with other arguments.

        Raises:
            earthgazer_core.errors.EarthGazerError: it can't be sent, or the text names no arguments.
        """
        args, kwargs = parse_arguments(text)
        known = self._finder.find(task_id, is_fresh=True)
        self._changeable(known)
        arguments = replace(known.arguments, args=args, kwargs=kwargs)
        found = known.arguments.message
        if found is not None and (call := call_of(found.envelope)[0]) is not None:
            content = serialise(self._services.need_app(), known.name, (args, kwargs, dict(call[2])))
            shown = {"argsrepr": saferepr(args), "kwargsrepr": saferepr(kwargs)}
            message = replace(found, headers={**found.headers, **shown}, content=content)
            arguments = replace(arguments, message=message)
        target = {"task_id": task_id, "name": known.name}
        with self._audit.noting("task.retry", target) as note:
            note |= {"mode": "copy", "arguments": known.arguments.source, "edited": True}
            copied = self._need_copier().copy(replace(known, arguments=arguments).ended)
            note |= {"new_id": copied.new_id, "queue": copied.queue}
        self._finder.forget(task_id)
        words = f"Sent {copied.name} as copy {copied.new_id[:8]} with other arguments, queue {copied.queue}"
        return ActionResult(True, sanitise.line(words))

    def _changeable(self, known: Known) -> tuple[list[Any], dict[str, Any]]:
        item = self._planned(known)
        if item.mode == RetryMode.REFUSED:
            raise RefusedError(item.note)
        if self._details.arguments(known)[2]:
            raise RefusedError("its arguments are hidden, so they can't be shown to be changed")
        args, kwargs = known.arguments.args, known.arguments.kwargs
        if args is None or kwargs is None:
            raise RefusedError(
                known.arguments.reason or "its arguments can't be read: only sent again as they are"
            )
        return list(args), dict(kwargs)

    def _offer(self, known: Known) -> RetryOffer:
        item = self._planned(known)
        return RetryOffer(RetryMode(item.mode), item.note)

    def _planned(self, known: Known) -> RetryPlanItem:
        try:
            offer = self._need_copier().offer(known.ended)
            refusal, note, queue = offer.refusal, offer.note, offer.queue
        except (EarthGazerError, RefusedError) as error:
            refusal, note, queue = str(error), "", None
        return RetryPlanItem(
            task_id=sanitise.name(known.task_id),
            name=sanitise.name(known.name),
            queue=sanitise.optional(queue),
            mode=str(RetryMode.REFUSED if refusal else RetryMode.COPY),
            note=sanitise.line(refusal or note),
        )

    def _need_copier(self) -> Copier:
        if self._copier is None:
            broker = self._finder.lever_broker()
            lock = OperatorLock(broker) if isinstance(broker, QueueBroker) else None
            self._copier = Copier(self._services.need_app(), lock)
        return self._copier
