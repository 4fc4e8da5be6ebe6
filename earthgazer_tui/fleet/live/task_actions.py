"""Retry, revoke, dismiss and cancel: thin over the operations, which check, act and note; blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.bulk_plan import LIMIT as MOST_AT_ONCE
from earthgazer_core.operations.cancel import cancel_run
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.resume import Resumer
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_offer import Retried
from earthgazer_core.operations.revoke import revoke
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live import bulk_retry, edited_retry, sanitise
from earthgazer_tui.fleet.live.audit import Audit
from earthgazer_tui.fleet.live.events_state import EventsState
from earthgazer_tui.fleet.live.foreign_tasks import ForeignTasks
from earthgazer_tui.fleet.live.observations import Observations
from earthgazer_tui.fleet.live.records import TERMINAL
from earthgazer_tui.fleet.live.replies import replies_of
from earthgazer_tui.fleet.live.retry_items import shown_item
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.live.tasks import failed_by_events
from earthgazer_tui.fleet.models import (
    ActionResult,
    EditableArguments,
    ResumePlan,
    RetryOffer,
    RetryOrder,
    RetryPlan,
    RetryProgress,
)
from earthgazer_tui.fleet.models.task import RetryMode

_LISTED = 50
"""Tasks without a record that are judged one by one beforehand: each is looked for in the broker."""
_TIMEOUT_S = 2.0
_NOBODY = "no worker is there to hear of it"


class TaskActions:
    """What an operator does to tasks and runs."""

    def __init__(
        self,
        services: Services,
        state: EventsState,
        audit: Audit,
        mailbox: Callable[[], Mailbox],
        living: Callable[[], tuple[str, ...]],
        foreign: ForeignTasks,
        seen: Observations,
    ) -> None:
        self._services = services
        self._seen = seen
        self._foreign = foreign
        self._state = state
        self._audit = audit
        self._mailbox = mailbox
        self._living = living
        self._retrier: Retrier | None = None
        self._broker: RedisBroker | None = None

    def close(self) -> None:
        """Let go of the broker."""
        self._foreign.close()
        if self._broker is not None:
            self._broker.close()

    def offer(self, task_id: str) -> RetryOffer:
        """Return whether and how a task can be retried."""
        if self._services.database is None:
            return self._foreign.offer(task_id)
        offer = self._retry().offer(task_id)
        return RetryOffer(RetryMode(offer.mode), sanitise.line(offer.reason))

    def plan_retry(self, task_ids: Sequence[str], matching: str | None = None) -> RetryPlan:
        """Return what a retry of these, or of all failed tasks that match, would send where."""
        if self._services.database is None:
            ids = task_ids if matching is None else self._failed_ids(matching)
            plan = self._foreign.plan_retry(ids[:_LISTED])
            return replace(plan, task_ids=tuple(ids))
        return bulk_retry.plan(self._services.database, self._retry(), task_ids, matching)

    def retry(self, task_ids: Sequence[str], *, copy: bool = False) -> ActionResult:
        """Publish the recorded messages again; without a record, copies of what is truly known."""
        if self._services.database is None:
            return self._foreign.retry(task_ids)
        outcomes = self._retry().retry_many(list(task_ids), copy=copy)
        done = [one for one in outcomes if isinstance(one, Retried)]
        refused = [one for one in outcomes if not isinstance(one, Retried)]
        if len(outcomes) == 1:
            one = outcomes[0]
            if isinstance(one, Retried):
                copied = f" as copy {one.new_id[:8]}" if one.new_id and one.new_id != one.task_id else ""
                return ActionResult(
                    True,
                    sanitise.line(f"Retried {one.name}{copied}: attempt {one.attempt}, queue {one.queue}"),
                )
            return ActionResult(False, sanitise.line(f"Not retried: {one.note}"))
        summary = f"Retried {len(done)} of {len(outcomes)}"
        if refused:
            summary += f"; refused {len(refused)}: {refused[0].note}"
        return ActionResult(not refused, sanitise.line(summary))

    def retry_bulk(
        self, order: RetryOrder, report: Callable[[RetryProgress], None], stop: threading.Event
    ) -> ActionResult:
        """Retry one task after the other, at a rate."""
        if self._services.database is None:
            return bulk_retry.run_copies(lambda task_id: self._foreign.retry([task_id]), order, report, stop)
        return bulk_retry.run(
            self._services.database, self._retry(), order, report, stop, self._services.context
        )

    def editable_arguments(self, task_id: str) -> EditableArguments:
        """Return the whole arguments of a task as text to change."""
        if self._services.database is None:
            return self._foreign.editable_arguments(task_id)
        return edited_retry.editable(self._services.database, self._retry(), task_id)

    def retry_edited(self, task_id: str, text: str) -> ActionResult:
        """Send a copy of a task with other arguments."""
        if self._services.database is None:
            return self._foreign.retry_edited(task_id, text)
        return edited_retry.retry_edited(self._retry(), task_id, text)

    def plan_resume(self, run_id: str) -> ResumePlan:
        """Return what a resume of a run would send where."""
        plan = self._resumer().plan(run_id)
        return ResumePlan(
            tuple(map(shown_item, plan.items)),
            sanitise.line(plan.summary),
            sanitise.line(plan.refusal),
        )

    def resume_run(self, run_id: str) -> ActionResult:
        """Publish what a run needs to go on."""
        done = self._resumer().resume(run_id)
        summary = f"Resumed: {done.summary}"
        if done.refused:
            summary += f": {done.refused[0].note}"
        return ActionResult(not done.refused, sanitise.line(summary))

    def revoke(self, task_ids: Sequence[str], terminate: bool) -> ActionResult:
        """Revoke unfinished tasks."""
        ids = list(task_ids)
        if self._services.database is None:
            ids = self._unfinished(ids)
        target = {"task_ids": ids, "terminate": terminate}
        with self._audit.noting_elsewhere("task.revoke", target):
            result = revoke(
                self._services.database,
                self._mailbox(),
                ids,
                terminate=terminate,
                expected=self._living(),
                timeout_s=_TIMEOUT_S,
                context=self._services.context,
            )
        replies = replies_of(result.answers, _TIMEOUT_S)
        verb = "Terminated" if terminate else "Revoked"
        answered = sum(reply.is_ok for reply in replies)
        heard = f"{answered} of {len(replies)} workers confirmed" if replies else _NOBODY
        summary = f"{verb} {len(result.revoked)} of {len(task_ids)}: {heard}"
        if result.refused:
            summary += f"; refused {len(result.refused)}: {next(iter(result.refused.values()))}"
        is_ok = len(result.revoked) == len(task_ids) and 0 < answered == len(replies)
        return ActionResult(is_ok, sanitise.line(summary), replies)

    def dismiss(self, task_ids: Sequence[str]) -> ActionResult:
        """Take failures from the list."""
        if self._services.database is None:
            raise RefusedError("without a database there is no history that a failure could be kept in")
        n = self._retry().dismiss(list(task_ids))
        return ActionResult(n == len(task_ids), f"Dismissed {n} of {len(task_ids)}")

    def cancel_run(self, run_id: str) -> ActionResult:
        """Revoke all unfinished steps of a run."""
        if self._services.database is None:
            raise RefusedError("runs are known from the database, and none is configured")
        result = cancel_run(
            self._services.database,
            self._mailbox(),
            run_id,
            self._living(),
            _TIMEOUT_S,
            context=self._services.context,
        )
        replies = replies_of(result.answers, _TIMEOUT_S)
        summary = (
            f"Cancelled: {len(result.published)} published and {len(result.future)} future steps revoked"
        )
        if not replies:
            summary += f"; {_NOBODY}"
        return ActionResult(bool(replies) and all(reply.is_ok for reply in replies), summary, replies)

    def _failed_ids(self, matching: str) -> list[str]:
        rows = failed_by_events(self._state, self._seen, matching, MOST_AT_ONCE)
        return [row.task_id for row in rows if row.state == "FAILURE" or "state:" in matching]

    def _resumer(self) -> Resumer:
        retrier = self._retry()
        if self._services.database is None or self._services.app is None:
            raise RefusedError("runs are known from the database, and none is configured")
        key = self._services.settings.recorder.encryption_key
        return Resumer(
            self._services.database,
            self._services.app,
            retrier,
            encryption_key=key.get_secret_value() if key is not None else None,
            context=self._services.context,
        )

    def _unfinished(self, ids: Sequence[str]) -> list[str]:
        """Keep finished tasks from being revoked where only events know them: it would poison their ids."""
        with self._state.lock:
            known = {task_id: self._state.find(task_id) for task_id in ids}
        ended = [task_id for task_id, task in known.items() if task is not None and task.state in TERMINAL]
        if ended:
            raise RefusedError(f"{len(ended)} of these have ended already: revoking would do harm")
        return list(ids)

    def _retry(self) -> Retrier:
        if self._services.database is None:
            raise RefusedError("only recorded messages can be published again, and no database is configured")
        app = self._services.need_app()
        if self._retrier is None:
            self._broker = self._services.redis_broker() if self._services.is_redis else None
            key = self._services.settings.recorder.encryption_key
            self._retrier = Retrier(
                self._services.database,
                app,
                self._broker,
                encryption_key=key.get_secret_value() if key is not None else None,
                context=self._services.context,
            )
        return self._retrier
