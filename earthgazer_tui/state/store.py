"""The latest snapshot, for all screens, and whether the view is frozen."""

from __future__ import annotations

from datetime import UTC, datetime

from textual.dom import DOMNode
from textual.signal import Signal

from earthgazer_tui.fleet.models import Snapshot


class Store:
    """Holds what the screens show of the whole fleet; screens subscribe, and only the feed writes.

    A frozen store goes on taking snapshots and shows the newest as soon as it is thawed.
    """

    def __init__(self, owner: DOMNode) -> None:
        self.shown: Signal[Snapshot] = Signal(owner, "snapshot shown")
        """Published with each snapshot that is to be looked at."""
        self.freeze_changed: Signal[bool] = Signal(owner, "freeze changed")
        """Published when the view was frozen or thawed."""
        self.snapshot: Snapshot | None = None
        """The snapshot to look at; None before the first."""
        self.frozen_at: datetime | None = None
        """When the view was frozen; None while it is live."""
        self._newest: Snapshot | None = None

    @property
    def is_frozen(self) -> bool:
        """Whether the view stands still."""
        return self.frozen_at is not None

    def take(self, snapshot: Snapshot) -> None:
        """Take in the newest snapshot."""
        self._newest = snapshot
        if not self.is_frozen or self.snapshot is None:
            self._show(snapshot)

    def freeze(self) -> None:
        """Let the view stand still."""
        if not self.is_frozen:
            self.frozen_at = datetime.now(UTC)
            self.freeze_changed.publish(True)

    def thaw(self) -> None:
        """Go on with the newest snapshot."""
        if self.is_frozen:
            self.frozen_at = None
            self.freeze_changed.publish(False)
            if self._newest is not None and self._newest is not self.snapshot:
                self._show(self._newest)

    def _show(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.shown.publish(snapshot)
