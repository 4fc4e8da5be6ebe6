"""Who is attached: an open connection is a lease, and its end of any kind gives it back."""

from __future__ import annotations

from collections.abc import Hashable

from earthgazer_core.stack.models import Release


class Leases:
    """Counts the consoles attached and decides what the end of one means."""

    def __init__(self, *, is_detached: bool) -> None:
        self.is_detached = is_detached
        self._holders: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._holders)

    def take(self, holder: Hashable) -> None:
        """Note that a console is attached."""
        self._holders.add(holder)

    def release(self, holder: Hashable, choice: Release | None) -> Release | None:
        """Note that a console lets go, and return how the stack has to end now; None if it stays.

        Without a choice - a lost link, a crash - running work ends first. Others who are attached keep the
        stack whatever the choice; a detached stack outlives all but an explicit choice to end it.
        """
        if holder not in self._holders:
            return None
        self._holders.remove(holder)
        if choice is Release.LEAVE:
            self.is_detached = True
        if self._holders:
            return None
        if choice in (Release.WAIT, Release.STOP):
            return choice
        return None if self.is_detached else Release.WAIT
