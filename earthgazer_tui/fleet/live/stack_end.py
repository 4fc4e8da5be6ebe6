"""What becomes of the embedded stack when this console lets go of it; blocks."""

from __future__ import annotations

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.stack.models import Release
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.live.services import Embedded
from earthgazer_tui.fleet.models import QuitChoice

_RELEASES = {
    QuitChoice.WAIT: Release.WAIT,
    QuitChoice.LEAVE: Release.LEAVE,
    QuitChoice.STOP: Release.STOP,
}
_STOP_S = 60.0
_WARM_S = 3600.0
_LINK_S = 15.0


class StackEnd:
    """Holds the lease's end: a stack that was left running on purpose is never stopped by quitting."""

    def __init__(self, embedded: Embedded, options: LiveOptions) -> None:
        self._embedded = embedded
        self._is_detach = options.detach
        self._was_released = False

    def ownership(self) -> tuple[bool, int]:
        """Return (whether quitting may stop the stack, other consoles that hold it)."""
        try:
            status = self._embedded.client.status()
        except ServiceUnavailableError:
            return False, 0
        return not (self._is_detach or status.is_detached), max(0, status.leases - 1)

    def patience_s(self, choice: QuitChoice | None) -> float:
        """Return how long letting go may take."""
        if choice is QuitChoice.WAIT:
            return _WARM_S
        return _STOP_S if choice is QuitChoice.STOP else _LINK_S

    def let_go(self, choice: QuitChoice | None) -> None:
        """Give the lease back; where that ends the stack, return once it is gone, unless nobody chose."""
        client = self._embedded.client
        if self._was_released:
            # Whoever asks again lost patience with the tasks that are waited for.
            if choice is QuitChoice.STOP and client.is_running() and not self._is_kept():
                client.shutdown(Release.STOP, timeout_s=_STOP_S)
            return
        release = _RELEASES[choice] if choice is not None else None
        if release is not Release.LEAVE and not self.ownership()[0]:
            release = None
        self._was_released = True
        ends = self._embedded.lease.release(release)
        if ends and release is not None:
            client.wait_stopped(timeout_s=self.patience_s(choice))

    def _is_kept(self) -> bool:
        try:
            status = self._embedded.client.status()
        except ServiceUnavailableError:
            return False
        return status.leases > 0 or status.is_detached
