"""What a supervisor writes down of itself, so that the next one can find what it left behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from earthgazer_core.stack.files import write_private
from earthgazer_core.stack.identity import Identity, end, marked

_NAME = "stack.json"
# What such a worker runs is given back to its queue, so it isn't waited for at length.
_WORKER_STEPS = ((signal.SIGTERM, 3.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0))
_SERVER_STEPS = {
    "valkey": ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)),
    "postgres": ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)),
}


@dataclass(frozen=True, slots=True)
class StackRecord:
    """One stack as its supervisor wrote it down."""

    version: str
    """Version of EarthGazer."""
    stack_id: str
    """Random mark that all its processes carry."""
    supervisor: Identity
    """The supervisor itself."""
    control: str
    """Path of its control socket."""
    processes: Mapping[str, Identity]
    """What it started, by name."""

    def write(self, state_dir: Path) -> None:
        """Write it, whole or not at all, for the owner alone."""
        value = {
            "version": self.version,
            "stack_id": self.stack_id,
            "supervisor": _plain(self.supervisor),
            "control": self.control,
            "processes": {name: _plain(identity) for name, identity in self.processes.items()},
        }
        write_private(state_dir / _NAME, json.dumps(value, indent=1))

    @classmethod
    def read(cls, state_dir: Path) -> Self | None:
        """Return what was written; None if nothing that can be read was."""
        try:
            value = json.loads((state_dir / _NAME).read_text(encoding="utf-8"))
            return cls(
                value["version"],
                value["stack_id"],
                Identity.from_json(value["supervisor"]),
                value["control"],
                {name: Identity.from_json(identity) for name, identity in value["processes"].items()},
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def end_leftovers(self) -> list[str]:
        """End what still runs of this stack, workers before servers, and return the names.

        Only processes of the same pid and start time are touched, and those that carry the stack's mark.
        """
        alive = {name: identity for name, identity in self.processes.items() if identity.is_alive()}
        end([identity for name, identity in alive.items() if name not in _SERVER_STEPS], *_WORKER_STEPS)
        servers = {name: identity for name, identity in alive.items() if name in _SERVER_STEPS}
        strays = [identity for identity in marked(self.stack_id) if identity not in servers.values()]
        end([stray for stray in strays if not _is_below(stray, servers)], (signal.SIGKILL, 5.0))
        for name, identity in servers.items():
            end([identity], *_SERVER_STEPS[name])
        end(marked(self.stack_id), (signal.SIGKILL, 5.0))
        return sorted(alive)


def remove_record(state_dir: Path) -> None:
    """Forget the stack: it has ended in good order."""
    (state_dir / _NAME).unlink(missing_ok=True)


def _is_below(identity: Identity, servers: Mapping[str, Identity]) -> bool:
    """Whether a process was started by one of the servers, which ends it itself."""
    try:
        parents = {parent.pid for parent in psutil.Process(identity.pid).parents()}
    except psutil.NoSuchProcess:
        return False
    return bool(parents & {server.pid for server in servers.values()})


def _plain(identity: Identity) -> dict[str, Any]:
    return {"pid": identity.pid, "started": identity.started}
