"""Doctor on the live fleet: its own mailbox and connections, so that no command waits behind it; blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations import doctor as operations
from earthgazer_core.operations.doctor.access import OWN_APP
from earthgazer_core.operations.doctor.deadline import Pending
from earthgazer_core.operations.doctor.finding import sorted_by_severity
from earthgazer_core.operations.doctor.gather import gather
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.services import Services
from earthgazer_tui.fleet.models import CheckProgress, Diagnosis, Finding, Severity

_CLOSE_S = 2.0


class Doctor:
    """Looks for what is wrong with a fleet, or with one task of it."""

    def __init__(self, services: Services, expected: tuple[str, ...], with_events: frozenset[str]) -> None:
        """Make a doctor.

        Args:
            services: The fleet.
            expected: Real names of the workers that should be there.
            with_events: Real names of those whose task events were heard.
        """
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
        findings = tuple(_shown(one) for one in sorted_by_severity(found))
        return Diagnosis(findings, len(checks), time.monotonic() - began)

    def explain(self, task_id: str) -> tuple[Finding, ...]:
        """Return why a task is not done; empty for one that ended well."""
        with self._access() as access:
            return tuple(_shown(one) for one in operations.explain_task(task_id, access))

    @contextmanager
    def _access(self) -> Iterator[operations.FleetAccess]:
        services = self._services
        broker = services.redis_broker() if services.is_redis else None
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
            )
        finally:
            if broker is not None:
                broker.close()
            if mailbox is not None:
                # A broker that is away keeps the mailbox as well.
                with suppress(ServiceUnavailableError):
                    Pending("the broker", mailbox.close, _CLOSE_S).result()


def _shown(found: operations.Finding) -> Finding:
    return Finding(
        check=sanitise.name(found.check),
        severity=Severity(found.severity.value),
        subject=sanitise.line(found.subject),
        evidence=sanitise.url(found.evidence),
        fix=sanitise.url(found.fix),
    )
