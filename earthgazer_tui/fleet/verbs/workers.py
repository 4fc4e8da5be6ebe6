"""Workers and their pools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from earthgazer_tui.fleet.models import ActionResult, FactKind, Reply, WorkerFact, WorkerOrder


class WorkersVerbs(Protocol):
    """Workers and their pools."""

    async def tell_workers(
        self,
        hostnames: Sequence[str],
        order: WorkerOrder,
        on_reply: Callable[[Reply], None] | None = None,
        on_done: Callable[[ActionResult], None] | None = None,
    ) -> ActionResult:
        """Have workers do something; ``on_reply`` is called on the event loop with each word as it comes.

        A worker that can't do it is not told, and says why in a reply; one that is silent delays no other.
        Where all have done it, ``on_done`` hears the same as is returned once that is in the audit too.
        """

    async def worker_facts(
        self, hostname: str, kinds: Sequence[FactKind], on_fact: Callable[[WorkerFact], None]
    ) -> None:
        """Ask one worker about itself; ``on_fact`` is called on the event loop with each answer as it comes.

        What it does not answer in time comes last, with the trouble.
        """

    async def start_worker(self, profile: str) -> ActionResult:
        """Start one more local worker (``io`` or ``cpu``) of the embedded stack."""

    async def stop_worker(self, local_name: str) -> ActionResult:
        """Stop a local worker warm: what it runs ends first."""

    async def enable_events(self) -> ActionResult:
        """Ask all workers to send task events."""
