"""How a worker's parent treats a task whose process died: once more, then never again."""

from __future__ import annotations

import logging
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import signals
from celery.utils.saferepr import saferepr
from celery.worker import state
from celery.worker.request import Request

from earthgazer_core.errors import DeadLetterError
from earthgazer_core.tasks.dead_letter import KILLS, KILLS_HEADER, given_up, kills_so_far

logger = logging.getLogger(__name__)


class GuardedRequest(Request):
    """A request that counts the processes that its task killed, in the message that is published again."""

    def _retry_worker_lost(self, exc: Exception, exc_info: Any) -> bool:
        # Celery's own place for this; it asks here before it decides anything.
        celerys: Any = super()
        context = self._request_context
        is_ending: Any = state.should_terminate
        if is_ending:
            return bool(celerys._retry_worker_lost(exc, exc_info))
        headers = context.headers or {}
        attempt = int(headers.get("attempt") or 1)
        kills = kills_so_far(headers.get(KILLS_HEADER), attempt) + 1
        if kills >= KILLS:
            self._give_up(exc)
            return True
        context.headers = {**headers, KILLS_HEADER: f"{attempt}:{kills}"}
        return bool(celerys._retry_worker_lost(exc, exc_info))

    @property
    def _request_context(self) -> Any:
        me: Any = self
        return me._context

    def _give_up(self, exc: Exception) -> None:
        reason = str(exc)
        logger.error("%s[%s] is given up: %s", self.name, self.id, reason)
        try:
            raise given_up(reason) from exc
        except DeadLetterError as error:
            info, dead = ExceptionInfo(), error
        task: Any = self.task
        task.backend.mark_as_failure(
            self.id, dead, request=self._request_context, store_result=self.store_errors
        )
        task.request_stack.push(self._request_context)
        try:
            signals.task_failure.send(
                sender=task, task_id=self.id, exception=dead, args=self.args, kwargs=self.kwargs,
                traceback=info.traceback, einfo=info,
            )  # fmt: skip
        finally:
            task.request_stack.pop()
        # Recorded first: a message that is acknowledged is known to nobody else.
        if task.acks_late:
            self.acknowledge()
        self.send_event("task-failed", exception=saferepr(dead), traceback=info.traceback)
