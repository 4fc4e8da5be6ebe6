"""What can go wrong between the console and the fleet, told in one line for people."""

from __future__ import annotations


class FleetError(Exception):
    """Base of all; ``str()`` is sanitised and may be shown."""


class UnavailableError(FleetError):
    """The broker or the database can't be reached now."""


class UnsureError(UnavailableError):
    """An answer was lost: nobody knows whether it was done. The message says how to find out."""


class RefusedError(FleetError):
    """The operation would do harm or can't work here; the message says why."""


class NotFoundError(FleetError):
    """What was asked for is not there (any more)."""


class FilterError(RefusedError):
    """A filter line can't be read."""

    def __init__(self, reason: str, line: str, position: int) -> None:
        super().__init__(f"{reason} (at character {position + 1})")
        self.reason = reason
        """What is wrong and what would be right."""
        self.line = line
        """The whole line, as it was given."""
        self.position = position
        """Index of the character that is wrong; the line's length where something is missing at its end."""


class ReadOnlyError(FleetError):
    """The console was started read-only."""


class SettingsError(FleetError):
    """A setting or an option is wrong; the message names it and says what is expected."""
