"""Names as shown and names as they are: commands have to go to the real one."""

from __future__ import annotations

from earthgazer_tui.fleet.errors import RefusedError
from earthgazer_tui.fleet.live import sanitise

_LIMIT = 20_000


class Names:
    """Sanitises names of workers, queues and tasks, and remembers those that it had to change."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._real: dict[str, str | None] = {}

    def show(self, value: object) -> str:
        """Return a name fit to be shown."""
        if type(value) is not str:
            value = str(value)
        shown = self._shown.get(value)
        if shown is None:
            shown = sanitise.name(value)
            if len(self._shown) >= _LIMIT:
                self._shown.clear()
            self._shown[value] = shown
            # Only a name with a backslash can look like another one's escapes.
            if "\\" in shown and len(self._real) < _LIMIT:
                self._real[shown] = value if self._real.get(shown, value) == value else None
        return shown

    def real(self, shown: str) -> str:
        """Return the name that was shown like this.

        Raises:
            RefusedError: two different names look the same once sanitised.
        """
        real = self.real_or_none(shown)
        if real is None:
            raise RefusedError(f"two names look like {shown!r}, so it can't be told which one is meant")
        return real

    def real_or_none(self, shown: str) -> str | None:
        """Return the name that was shown like this; None where that may be one of several."""
        return self._real.get(shown, shown)
