"""Going on with a workflow run: all that failed, was revoked or never ran, and nothing that succeeded.

A run that failed goes on as itself: each failed step is retried, and what waits for it follows. The ids of
a run that was cancelled are discarded by workers, and so is all that bears its stamp. So what is left of it
is frozen anew under new ids, as a new run that names the old one; steps that succeeded keep their ids
and are part of both.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from celery import Celery
from sqlalchemy.orm import Session

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import WorkflowStepRow
from earthgazer_core.errors import NotFoundError, RefusedError, ServiceUnavailableError
from earthgazer_core.operations import audit
from earthgazer_core.operations.recorded_run import RecordedRun, load_run
from earthgazer_core.operations.resume_freezer import RunFreezer
from earthgazer_core.operations.resume_message import send_resumed
from earthgazer_core.operations.resume_outcome import Resumed, ResumedStep
from earthgazer_core.operations.resume_plan import ANEW, FOLLOWS, GOES_ON, SENT, ResumeItem, ResumePlan
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_offer import REFUSED
from earthgazer_core.recorder.message import Seal
from earthgazer_core.recorder.order import FAILED, UNFINISHED

_PATIENCE_S = 10.0
_PAUSE_S = 0.1


class Resumer:
    """Resumes recorded runs; each is judged anew at the moment, and noted in the audit."""

    def __init__(
        self,
        database: Database,
        app: Celery,
        retrier: Retrier | None = None,
        *,
        encryption_key: str | None = None,
        context: str | None = None,
    ) -> None:
        """Take what is needed.

        Args:
            database: Where the flight recorder writes.
            app: The fleet's app, or one with the same broker and result backend.
            retrier: Retries the steps of runs that failed; one is made if None.
            encryption_key: Fernet key of the recorder, for messages with hidden arguments.
            context: Name of the fleet, for the audit.
        """
        self._database = database
        self._app = app
        self._retrier = retrier or Retrier(database, app, encryption_key=encryption_key, context=context)
        self._freezer = RunFreezer(app, Seal(encryption_key))
        self._context = context

    def plan(self, run_id: str) -> ResumePlan:
        """Return what a resume of a run would do; nothing is changed.

        Raises:
            NotFoundError: no such run was recorded.
            ServiceUnavailableError: database or result backend are away.
        """
        with self._database.session() as session:
            run = load_run(session, run_id)
            if run.row.cancelled_at is not None:
                return self._plan_anew(session, run)
        return self._plan_in_place(run)

    def resume(self, run_id: str) -> Resumed:
        """Publish what a run needs to go on.

        A second call finds nothing more to publish: what was retried is no failure any more, and a
        cancelled run is resumed once.

        Raises:
            NotFoundError: no such run was recorded.
            RefusedError: nothing of it is left to run, or it can't be resumed; nothing was published.
            ServiceUnavailableError: a server is away; the message says what was published.
            UnsureError: likewise, and of one message nobody knows; it counts as sent.
        """
        target = {"run_id": run_id}
        try:
            with self._database.session() as session:
                # Locked, so that of two operators one finds it resumed.
                run = load_run(session, run_id, is_locked=True)
                if run.row.cancelled_at is not None:
                    new_run_id, messages = self._freezer.freeze(session, run)
            if run.row.cancelled_at is not None:
                resumed = Resumed(run_id, new_run_id, send_resumed(self._app, self._database, messages), ())
            else:
                resumed = self._in_place(run)
        except (RefusedError, ServiceUnavailableError) as error:
            outcome, detail = audit.outcome_of(error), {"reason": str(error)}
            audit.record(self._database, "run.resume", target, outcome, detail, self._context)
            raise
        told = {
            "sent": len(resumed.sent),
            "refused": {item.task_id: item.note for item in resumed.refused},
            "goes_on_as": resumed.goes_on_as,
        }
        audit.record(self._database, "run.resume", target, "done", told, self._context)
        return resumed

    def _plan_in_place(self, run: RecordedRun) -> ResumePlan:
        items = []
        for row in run.open:
            if row.state in FAILED:
                offer = self._retrier.offer(row.task_id)
                items.append(ResumeItem(row.task_id, row.name, offer.queue, offer.mode, offer.reason))
            else:
                items.append(ResumeItem(row.task_id, row.name, row.queue, GOES_ON, f"it is {row.state}"))
        refusal = "" if any(item.mode in SENT for item in items) else _nothing(run, items)
        later = run.later(item.task_id for item in items)
        items += [_follows(step) for step in later]
        return ResumePlan(run.row.run_id, run.row.name, False, tuple(items), run.kept, refusal)

    def _in_place(self, run: RecordedRun) -> Resumed:
        sent: list[ResumedStep] = []
        refused: dict[str, ResumeItem] = {}
        failed = [row for row in run.open if row.state in FAILED]
        offered = {row.task_id for row in failed if self._retrier.offer(row.task_id).mode != REFUSED}
        deadline = time.monotonic() + _PATIENCE_S
        while failed:
            for row in failed:
                try:
                    done = self._retrier.retry(row.task_id)
                except (RefusedError, NotFoundError) as error:
                    queue = row.queue or row.routing_key
                    refused[row.task_id] = ResumeItem(row.task_id, row.name, queue, REFUSED, str(error))
                except ServiceUnavailableError as error:
                    raise type(error)(f"{len(sent)} sent: {error}; resume it for the others") from error
                else:
                    refused.pop(row.task_id, None)
                    sent.append(ResumedStep(row.task_id, row.name, done.queue, done.mode, done.new_id))
            # A member that went first may just be concluding the chord that the others failed.
            failed = [row for row in failed if row.task_id in refused and row.task_id in offered]
            if time.monotonic() > deadline:
                break
            if failed:
                time.sleep(_PAUSE_S)
        if not sent:
            raise RefusedError(_nothing(run, refused.values()))
        return Resumed(run.row.run_id, run.row.run_id, tuple(sent), tuple(refused.values()))

    def _plan_anew(self, session: Session, run: RecordedRun) -> ResumePlan:
        refusal, refused = self._freezer.refusals(session, run)
        items = []
        for row in run.open:
            note = refused.get(row.task_id, refusal)
            queue = row.queue or row.routing_key
            items.append(
                ResumeItem(
                    row.task_id, row.name, queue, REFUSED if note else ANEW,
                    note or f"it is {row.state}: frozen anew under a new id",
                )
            )  # fmt: skip
        items += [_follows(step) for step in run.later(row.task_id for row in run.open)]
        return ResumePlan(run.row.run_id, run.row.name, True, tuple(items), run.kept, refusal)


def _follows(step: WorkflowStepRow) -> ResumeItem:
    return ResumeItem(step.task_id, step.name, None, FOLLOWS, "when what it waits for has succeeded")


def _nothing(run: RecordedRun, items: Iterable[ResumeItem]) -> str:
    refused = [item for item in items if item.mode == REFUSED]
    if refused:
        return (
            f"none of its {len(refused)} failed steps can be retried: {refused[0].task_id}: {refused[0].note}"
        )
    goes_on = sum(row.state in UNFINISHED for row in run.open)
    return f"nothing of it failed: {goes_on} tasks go on" if goes_on else "nothing of it is left to run"
