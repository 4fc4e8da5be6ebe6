"""Applying a remedy; each is checked anew at the moment of acting, and noted in the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from celery import Celery

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.controls.consumers import add_consumer
from earthgazer_core.operations.controls.control import ControlResult, WorkerControl
from earthgazer_core.operations.controls.counted_resize import resize_counted
from earthgazer_core.operations.controls.events import switch_events
from earthgazer_core.operations.controls.limits import rate_limit
from earthgazer_core.operations.doctor.access import FleetAccess
from earthgazer_core.operations.doctor.remedy import Cure, Remedy
from earthgazer_core.operations.doctor.see_broker import BrokerWatch
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.noted import noted
from earthgazer_core.operations.queues.acting import acting
from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.queues.lever_broker import LeverBroker, lever_broker
from earthgazer_core.operations.queues.pause import enforce, resume
from earthgazer_core.operations.queues.undelivered import deliver
from earthgazer_core.operations.reconcile import reconcile
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.operations.retry_offer import Retried

_BROKER_OPTIONS = {("appendonly", "yes"), ("maxmemory-policy", "noeviction")}


class Hands:
    """Carries out remedies on one fleet."""

    def __init__(
        self, access: FleetAccess, *, encryption_key: str | None = None, context: str | None = None
    ) -> None:
        """Take the ways into a fleet.

        Args:
            access: The ways.
            encryption_key: Fernet key of the recorder, for messages with hidden arguments.
            context: Name of the fleet, for the audit.
        """
        self._access = access
        self._key = encryption_key
        self._context = context

    def apply(self, remedy: Remedy) -> str:
        """Do what a remedy says and return what came of it, in one line.

        Raises:
            RefusedError: it can't be done here, or is not called for any more.
            NotFoundError: what it was for has gone.
            ServiceUnavailableError: a service is away.
        """
        return _CURES[remedy.cure](self, remedy.targets)

    def _resume(self, targets: Sequence[str]) -> str:
        # Those of the pause that have gone are not waited for.
        living = self._mailbox.ask("ping", timeout_s=self._access.patience_s).values
        with self._levers() as broker:
            done = resume(
                broker, self._mailbox, targets[0], expected=living, database=self._access.database,
                context=self._context,
            )  # fmt: skip
        return done.summary

    def _pause_again(self, targets: Sequence[str]) -> str:
        with self._levers() as broker:
            again = enforce(broker, self._mailbox, database=self._access.database, context=self._context)
        mine = [one.summary for one in again if one.pause.queue == targets[0]]
        return mine[0] if mine else f"{targets[0]}: nobody consumes it any more"

    def _add_consumer(self, targets: Sequence[str]) -> str:
        with self._control() as control:
            return _told(add_consumer(control, [targets[0]], targets[1]))

    def _grow(self, targets: Sequence[str]) -> str:
        with self._control() as control:
            return resize_counted(control, targets[0], 1).summary

    def _enable_events(self, targets: Sequence[str]) -> str:
        with self._control() as control:
            return _told(switch_events(control, targets, on=True))

    def _lift_rate_limit(self, targets: Sequence[str]) -> str:
        with self._control() as control:
            return _told(rate_limit(control, "*", targets[0], "0"))

    def _retry(self, targets: Sequence[str], *, copy: bool = False) -> str:
        database, app = self._access.database, self._access.app
        if database is None or app is None:
            raise RefusedError("without the flight recorder's database no message is known to send again")
        retrier = Retrier(database, app, encryption_key=self._key, context=self._context)
        outcomes = retrier.retry_many(targets, copy=copy)
        sent = [one for one in outcomes if isinstance(one, Retried)]
        notes = [one.note for one in outcomes if not isinstance(one, Retried)]
        if not sent:
            raise RefusedError("; ".join(dict.fromkeys(notes)) or "nothing is left to retry")
        words = f"{len(sent)} of {len(outcomes)} sent again"
        return f"{words}; {notes[0]}" if notes else words

    def _retry_copy(self, targets: Sequence[str]) -> str:
        return self._retry(targets, copy=True)

    def _delete_replies(self, targets: Sequence[str]) -> str:
        with noted(
            self._access.database, "broker.delete_replies", {"keys": list(targets)}, self._context
        ) as note:
            with BrokerWatch(self._redis_app) as watch:
                deleted = watch.delete_orphans(targets)
            note.detail = {"deleted": list(deleted)}
        return f"{len(deleted)} of {len(targets)} lists deleted"

    def _configure(self, targets: Sequence[str]) -> str:
        name, value = targets
        if (name, value) not in _BROKER_OPTIONS:
            raise RefusedError(f"{name} {value} is no setting that Doctor makes")
        target = {"option": name, "value": value}
        with (
            noted(self._access.database, "broker.configure", target, self._context),
            closing(QueueBroker(self._redis_app)) as broker,
            broker.opened() as layout,
            acting(layout, f"{name} may be {value}: look again"),
        ):
            layout.client.config_set(name, value)
        return f"{name} is {value} until the server restarts: write it into its configuration"

    def _deliver(self, targets: Sequence[str]) -> str:
        return deliver(self._redis_app, targets[0], database=self._access.database, context=self._context)

    def _reconcile(self, _targets: Sequence[str]) -> str:
        access = self._access
        if access.database is None or access.app is None or not isinstance(access.broker, RedisBroker):
            raise RefusedError("it takes the flight recorder's database and a Redis broker")
        done = reconcile(
            access.database, access.app, access.broker, self._mailbox,
            encryption_key=self._key, context=self._context,
        )  # fmt: skip
        return done.summary

    @property
    def _mailbox(self) -> Mailbox:
        if self._access.mailbox is None:
            raise RefusedError("no broker is configured")
        return self._access.mailbox

    @property
    def _app(self) -> Celery:
        if self._access.app is None:
            raise RefusedError("no broker is configured")
        return self._access.app

    @property
    def _redis_app(self) -> Celery:
        if not isinstance(self._access.broker, RedisBroker):
            raise RefusedError("that takes a Redis broker")
        return self._app

    @contextmanager
    def _levers(self) -> Iterator[LeverBroker]:
        with closing(lever_broker(self._app)) as broker:
            yield broker

    def _control(self) -> WorkerControl:
        return WorkerControl(self._app, self._mailbox, database=self._access.database, context=self._context)


_CURES: dict[Cure, Callable[[Hands, Sequence[str]], str]] = {
    Cure.RESUME_QUEUE: Hands._resume,
    Cure.PAUSE_AGAIN: Hands._pause_again,
    Cure.ADD_CONSUMER: Hands._add_consumer,
    Cure.GROW_POOL: Hands._grow,
    Cure.ENABLE_EVENTS: Hands._enable_events,
    Cure.LIFT_RATE_LIMIT: Hands._lift_rate_limit,
    Cure.RETRY: Hands._retry,
    Cure.RETRY_COPY: Hands._retry_copy,
    Cure.DELETE_REPLIES: Hands._delete_replies,
    Cure.CONFIGURE_BROKER: Hands._configure,
    Cure.DELIVER: Hands._deliver,
    Cure.RECONCILE: Hands._reconcile,
}


def _told(result: ControlResult) -> str:
    if not result.is_ok:
        reasons = [f"{worker}: {reason}" for worker, reason in result.refused]
        reasons += [f"{answer.worker}: {answer.text}" for answer in result.answers if not answer.is_ok]
        reasons += [f"{worker}: no answer" for worker in result.silent]
        raise RefusedError("; ".join(reasons))
    return result.summary
