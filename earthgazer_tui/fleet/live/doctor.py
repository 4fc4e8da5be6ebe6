"""Doctor on the live fleet: its own mailbox and connections, so that no command waits behind it; blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from threading import Lock

from earthgazer_core.errors import EarthGazerError, NotFoundError, ServiceUnavailableError
from earthgazer_core.operations import doctor as operations
from earthgazer_core.operations.doctor.access import OWN_APP
from earthgazer_core.operations.doctor.apply import Hands
from earthgazer_core.operations.doctor.deadline import Pending
from earthgazer_core.operations.doctor.finding import sorted_by_severity
from earthgazer_core.operations.doctor.gather import gather
from earthgazer_core.operations.doctor.remedy import Remedy
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.models import ActionResult, CheckProgress, Diagnosis, Finding, Severity

_CLOSE_S = 2.0
_MOST_REMEDIES = 2_000


class Remedies:
    """What can be done about findings that were shown, by the numbers that they were shown with."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers = count(1)
        self._kept: dict[int, Remedy] = {}

    def keep(self, remedy: Remedy) -> int:
        """Keep a remedy, forgetting the oldest of too many, and return its number."""
        with self._lock:
            number = next(self._numbers)
            self._kept[number] = remedy
            if len(self._kept) > _MOST_REMEDIES:
                del self._kept[next(iter(self._kept))]
            return number

    def known(self, number: int) -> Remedy:
        """Return a remedy.

        Raises:
            NotFoundError: it was forgotten.
        """
        with self._lock:
            remedy = self._kept.get(number)
        if remedy is None:
            raise NotFoundError("that finding is too old: look again")
        return remedy


class Doctor:
    """Looks for what is wrong with a fleet, or with one task of it."""

    def __init__(
        self,
        services: Services,
        expected: tuple[str, ...],
        with_events: frozenset[str],
        remedies: Remedies,
        unread_events: int = 0,
    ) -> None:
        """Make a doctor.

        Args:
            services: The fleet.
            expected: Real names of the workers that should be there.
            with_events: Real names of those whose task events were heard.
            remedies: Where remedies are kept until somebody wants one.
            unread_events: Messages on the event channel that could not be read.
        """
        self._unread_events = unread_events
        self._remedies = remedies
        self._services = services
        self._expected = expected
        self._with_events = with_events

    def diagnose(self, report: Callable[[CheckProgress], None]) -> Diagnosis:
        """Return everything that is wrong; ``report`` is called in this thread."""
        began = time.monotonic()
        checks = operations.CHECKS
        report(CheckProgress(0, len(checks), "asking broker, workers and database"))
        with self._access() as access:
            seen = gather(access)
        found: list[operations.Finding] = []
        for place, check in enumerate(checks):
            report(CheckProgress(place, len(checks), sanitise.line(check.question)))
            found += check.examine(seen)
        findings = tuple(self._shown(one) for one in sorted_by_severity(found))
        return Diagnosis(findings, len(checks), time.monotonic() - began)

    def explain(self, task_id: str) -> tuple[Finding, ...]:
        """Return why a task is not done; empty for one that ended well."""
        with self._access() as access:
            return tuple(self._shown(one) for one in operations.explain_task(task_id, access))

    def apply(self, numbers: Sequence[int]) -> ActionResult:
        """Do what the remedies of these findings say, one by one; an error of the only one passes."""
        done: list[str] = []
        failed: list[str] = []
        key = self._services.settings.recorder.encryption_key
        with self._access() as access:
            hands = Hands(
                access,
                encryption_key=key.get_secret_value() if key else None,
                context=self._services.context,
            )
            for number in numbers:
                try:
                    done.append(hands.apply(self._remedies.known(number)))
                except EarthGazerError as error:
                    if len(numbers) == 1:
                        raise
                    failed.append(str(error))
        summary = "; ".join(done)
        if failed:
            summary = f"{len(done)} done; failed {len(failed)}: {failed[0]}"
        return ActionResult(not failed, sanitise.url(summary))

    def _shown(self, found: operations.Finding) -> Finding:
        return Finding(
            check=sanitise.name(found.check),
            severity=Severity(found.severity.value),
            subject=sanitise.line(found.subject),
            evidence=sanitise.url(found.evidence),
            fix=sanitise.url(found.fix),
            remedy=sanitise.url(found.remedy.words) if found.remedy is not None else "",
            number=self._remedies.keep(found.remedy) if found.remedy is not None else 0,
        )

    @contextmanager
    def _access(self) -> Iterator[operations.FleetAccess]:
        services = self._services
        broker = None
        if services.can_be_watched:
            broker = services.queue_broker() if services.is_amqp else services.redis_broker()
        mailbox = Mailbox(services.app) if services.app is not None else None
        try:
            yield operations.FleetAccess(
                app=services.app,
                mailbox=mailbox,
                broker=broker,
                database=services.database,
                expected=self._expected,
                sends_events=self._with_events,
                disk_paths=() if services.is_foreign else (services.settings.storage.data_path,),
                celery_app="APP" if services.is_foreign else OWN_APP,
                unread_events=self._unread_events,
            )
        finally:
            if broker is not None:
                broker.close()
            if mailbox is not None:
                # A broker that is away keeps the mailbox as well.
                with suppress(ServiceUnavailableError):
                    Pending("the broker", mailbox.close, _CLOSE_S).result()
