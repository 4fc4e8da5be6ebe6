"""Values that storage hands out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that is whole and whose bytes are known."""

    uri: str
    """Where it is: ``file://``, ``s3://`` or ``gs://``."""
    sha256: str
    """Hex digest of its bytes."""
    size_bytes: int
    """Length."""


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What a store tells of an object without reading it."""

    size_bytes: int
    """Length."""
    sha256: str | None
    """Hex digest as noted when it was written; None where nobody noted it."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A local file that is whole and whose bytes are known."""

    path: Path
    """Where it is."""
    sha256: str
    """Hex digest of its bytes."""
    size_bytes: int
    """Length."""
