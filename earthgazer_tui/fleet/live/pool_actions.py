"""Starting and stopping local workers, and events from all; blocks."""

from __future__ import annotations

import time
from collections.abc import Callable

from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.workers import enable_events
from earthgazer_core.stack.models import ProcessStatus
from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.audit import Audit
from earthgazer_tui.fleet.live.replies import replies_of
from earthgazer_tui.fleet.live.services import Embedded, Services
from earthgazer_tui.fleet.models import ActionResult

_TIMEOUT_S = 2.0
_WORKER_READY_S = 25.0
_POLL_S = 0.1


class PoolActions:
    """What an operator does to workers."""

    def __init__(
        self,
        services: Services,
        audit: Audit,
        mailbox: Callable[[], Mailbox],
        living: Callable[[], tuple[str, ...]],
    ) -> None:
        self._services = services
        self._audit = audit
        self._mailbox = mailbox
        self._living = living

    def enable_events(self) -> ActionResult:
        """Ask all workers for task events."""
        with self._audit.noting("workers.enable_events", {}) as note:
            replies = replies_of(enable_events(self._mailbox(), self._living()), _TIMEOUT_S)
            note["workers"] = len(replies)
        if not replies:
            return ActionResult(False, "No worker is there to be asked")
        done = sum(reply.is_ok for reply in replies)
        return ActionResult(
            done == len(replies), f"{done} of {len(replies)} workers send task events", replies
        )

    def start_worker(self, profile: str) -> ActionResult:
        """Start one more local worker and wait until it is seen."""
        embedded = self._embedded()
        with self._audit.noting("worker.start", {"profile": profile}) as note:
            name = embedded.client.start_worker(profile)
            note["name"] = name
        deadline = time.monotonic() + _WORKER_READY_S
        while time.monotonic() < deadline:
            process = self._process(name)
            if process is None or process.state == "failed":
                detail = process.detail if process is not None else "it has gone"
                return ActionResult(False, sanitise.line(f"Worker {name} did not start: {detail}"))
            if process.state == "ready":
                return ActionResult(True, f"Worker {name} is ready")
            time.sleep(_POLL_S)
        return ActionResult(False, f"Worker {name} was started and is not seen yet")

    def stop_worker(self, local_name: str) -> ActionResult:
        """Ask a local worker to end what it runs and go."""
        embedded = self._embedded()
        with self._audit.noting("worker.stop", {"name": local_name}):
            embedded.client.stop_worker(local_name)
        return ActionResult(True, sanitise.line(f"Worker {local_name} ends what it runs, then stops"))

    def _embedded(self) -> Embedded:
        if self._services.embedded is None:
            raise RefusedError("only workers of the embedded stack can be started and stopped from here")
        return self._services.embedded

    def _process(self, name: str) -> ProcessStatus | None:
        processes = self._embedded().client.status().processes
        return next((process for process in processes if process.name == name), None)
