"""What the supervisor tells its clients: frozen values that travel as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from earthgazer_core.errors import ConflictError


class StepState(StrEnum):
    """How far one step of the start, or of the end, has come."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


class Phase(StrEnum):
    """What the whole stack is doing."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    """Workers end what they run; who attaches now keeps the stack."""
    STOPPING = "stopping"


class Release(StrEnum):
    """What a console wants to become of the stack when it lets go."""

    WAIT = "wait"
    """Let running tasks end, then stop."""
    LEAVE = "leave"
    """Leave it running."""
    STOP = "stop"
    """Stop now; what ran is given back and runs again at the next start."""


class StoppingError(ConflictError):
    """The stack is on its way out: wait for its end, then start it again."""


@dataclass(frozen=True, slots=True)
class StartStep:
    """One thing that is being started."""

    name: str
    """``Valkey``, ``Postgres``, ``migrations``, ``worker io1``, ``beat``."""
    state: StepState
    """How far it is."""
    detail: str
    """One line; the reason where it failed."""
    elapsed_s: float
    """Seconds since the start began."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the step that ``to_json`` described."""
        return cls(value["name"], StepState(value["state"]), value["detail"], value["elapsed_s"])


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process of the stack."""

    name: str
    """``valkey``, ``postgres``, ``io1``, ``cpu1``, ``beat``."""
    kind: str
    """``server``, ``worker`` or ``beat``."""
    profile: str | None
    """Profile of a worker."""
    hostname: str | None
    """Node name of a worker as Celery knows it."""
    pid: int | None
    """Process id while it runs."""
    state: str
    """``starting``, ``ready``, ``restarting``, ``stopping``, ``stopped`` or ``failed``."""
    restarts: int
    """How often it was started again after it died."""
    started_at: float | None
    """When it was last started, seconds since the epoch."""
    detail: str
    """Why it failed or is being restarted; empty otherwise."""


@dataclass(frozen=True, slots=True)
class StackStatus:
    """The stack at one moment."""

    version: str
    """Version of EarthGazer that runs it."""
    pid: int
    """Process id of the supervisor."""
    phase: Phase
    """What it is doing."""
    is_detached: bool
    """Whether it stays when nobody is attached."""
    leases: int
    """Consoles attached."""
    state_dir: str
    """Its state directory."""
    started_at: float
    """When it was started, seconds since the epoch."""
    processes: tuple[ProcessStatus, ...]
    """Servers first, then workers, then beat."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the status that ``to_json`` described."""
        fields = dict(value)
        fields["phase"] = Phase(fields["phase"])
        fields["processes"] = tuple(ProcessStatus(**process) for process in fields["processes"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class StackEnv:
    """The settings that reach a running stack."""

    state_dir: Path
    """Its state directory."""
    was_started: bool
    """Whether this call started it; False where it ran already."""
    variables: Mapping[str, str] = field(repr=False)
    """``EARTHGAZER__…`` variables, passwords included: never print them unasked."""

    @property
    def broker_url(self) -> str:
        """Broker URL, password included."""
        return self.variables["EARTHGAZER__CELERY__BROKER_URL"]

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL, password included."""
        return self.variables["EARTHGAZER__DATABASE__URL"]
