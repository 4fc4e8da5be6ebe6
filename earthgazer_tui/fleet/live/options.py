"""What the console was started with, as far as the live fleet cares."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How to find the fleet and what may be done to it."""

    broker_url: str | None = field(default=None, repr=False)
    """Broker to attach to, password included; the settings' if None."""
    database_url: str | None = field(default=None, repr=False)
    """Database to attach to, password included; the settings' if None."""
    result_backend: str | None = field(default=None, repr=False)
    """Result backend to read, password included; the app's or the broker's own if None."""
    app: str | None = None
    """``module:app`` of the fleet's own Celery app, where it can be imported."""
    context: str | None = None
    """Name of the fleet in the config file; what it names is all there is, settings count for nothing."""
    state_dir: Path | None = None
    """State directory of the embedded stack; naming one asks for the embedded stack."""
    read_only: bool = False
    """Whether everything that changes the fleet is refused."""
    refresh_hz: float = 4.0
    """Snapshots per second at most."""
    detach: bool = False
    """Whether the embedded stack stays when nobody is attached."""
