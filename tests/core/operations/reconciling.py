"""A reconciliation that waits for nothing, as a test wants it."""

from __future__ import annotations

from contextlib import closing

from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.reconcile import reconcile
from tests.core.recorder.fleet import ForeignFleet


def reconciled(fleet: ForeignFleet) -> tuple[str, ...]:
    """Reconcile at once; return the ids of the tasks that were published again."""
    with closing(Mailbox(fleet.app)) as mailbox, closing(RedisBroker(fleet.app)) as broker:
        done = reconcile(fleet.database, fleet.app, broker, mailbox, grace_s=-1.0, timeout_s=1.0)
        return done.republished
