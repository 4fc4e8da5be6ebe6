"""The exception tree of the core: what is retried, and what never is.

EarthGazerError
├── TransientError            a later try may succeed; tasks retry these alone
│   ├── RemoteUnavailableError    network, HTTP 5xx, HTTP 429 (``retry_after_s``)
│   └── ServiceUnavailableError   database, broker or object store is down or restarting
│       └── UnsureError               its answer was lost: it may have been done
└── PermanentError            trying again can't help; the message says what to do
    ├── InvalidInputError         an argument, option or setting is wrong
    ├── NotFoundError             no such location, capture, artifact, task, …
    ├── ConflictError             it is there already, or somebody holds it
    ├── RasterError               an image can't serve: no CRS, corrupt, wrong band, …
    │   └── OutsideSceneError     the bounds asked for don't touch the image
    ├── CatalogError              a catalogue answered something that can't be used
    ├── StorageError              bytes could not be kept or don't match their checksum
    ├── DeadLetterError           a task killed its processes, and was given up
    └── RefusedError              an operation would do harm; the message says why
"""

from __future__ import annotations


class EarthGazerError(Exception):
    """Base of every error that the core raises on purpose; ``str()`` is one line for people."""


class TransientError(EarthGazerError):
    """A fault of the moment: the same call may succeed later."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """Seconds that the other side asked us to wait, or None."""


class RemoteUnavailableError(TransientError):
    """A remote catalogue or data server did not answer, or asked us to come later."""


class ServiceUnavailableError(TransientError):
    """The database, the broker or the object store can't be reached now."""


class UnsureError(ServiceUnavailableError):
    """An answer was lost: nobody knows whether it was done. The message says how to find out."""


class PermanentError(EarthGazerError):
    """A fault that no retry mends; the message says what, where and what to do."""


class InvalidInputError(PermanentError):
    """An argument, an option or a setting is wrong."""


class NotFoundError(PermanentError):
    """The thing named does not exist."""


class ConflictError(PermanentError):
    """The thing exists already, or somebody else holds it."""


class RasterError(PermanentError):
    """An image can't serve: no CRS, corrupt, a band is missing, an unexpected type."""


class OutsideSceneError(RasterError):
    """The bounds asked for do not touch the image."""


class CatalogError(PermanentError):
    """A catalogue answered something that can't be used."""


class StorageError(PermanentError):
    """Bytes could not be kept, or do not match their checksum."""


class DeadLetterError(PermanentError):
    """A task killed its processes and isn't run again unless an operator says so."""


class RefusedError(PermanentError):
    """The operation would do harm or can't work here; the message says why."""
