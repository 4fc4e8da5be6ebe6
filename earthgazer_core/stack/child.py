"""One supervised worker or beat: started, watched, stopped with all the processes below it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from earthgazer_core.stack.files import log_tail, open_log
from earthgazer_core.stack.identity import Identity
from earthgazer_core.stack.launch import death_signal
from earthgazer_core.stack.models import ProcessStatus
from earthgazer_core.stack.restarts import Restarts


class Child:
    """A Celery process of ours; every method is for the supervisor's main thread alone.

    The kernel ends a child when the *thread* that started it ends, so that thread has to be the last one.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        state_dir: Path,
        environment: Mapping[str, str],
        profile: str | None = None,
        hostname: str | None = None,
        concurrency: int | None = None,
    ) -> None:
        self.name = name
        self.profile = profile
        self.hostname = hostname
        self.concurrency = concurrency
        self.restarts = Restarts()
        self.identity: Identity | None = None
        self.is_ready = False
        self.is_stopping = False
        self.detail = ""
        self._command = command
        self._state_dir = state_dir
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def spawn(self) -> None:
        """Start it, in a session of its own so that a key press at the console's terminal can't reach it."""
        log = open_log(self._state_dir, self.name)
        with os.fdopen(log, "ab") as file:
            self._log_start = file.tell()
            self._process = subprocess.Popen(
                [*death_signal("TERM"), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=dict(self._environment),
                start_new_session=True,
            )
        self.identity = Identity.of(self._process.pid)
        self.is_ready = False
        self.detail = ""
        self.restarts.started()

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process else None

    def reap(self) -> int | None:
        """Return its exit code if it has ended since the last call, what it left behind killed; else None."""
        if self._process is None:
            return None
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        # While it is not yet collected its pid can't be given away, so the group is surely ours.
        self._signal_group(signal.SIGKILL)
        code = self._process.wait()
        self._process = None
        self.identity = None
        self.is_ready = False
        return code

    def send(self, number: signal.Signals) -> None:
        """Signal the child itself; its pool hears of it from the child."""
        if self._process is not None:
            # Not Popen.send_signal: that collects a dead child, whose group has yet to be killed by `reap`.
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill it and all of its pool at once."""
        if self._process is not None:
            self._signal_group(signal.SIGKILL)

    def last_words(self) -> str:
        """Return the last line that it logged in this life."""
        return log_tail(self._state_dir, self.name, self._log_start)

    def status(self) -> ProcessStatus:
        """Return what clients are told."""
        if self.is_stopping:
            state = "stopping" if self._process else "stopped"
        elif self._process is not None:
            state = "ready" if self.is_ready or not self.profile else "starting"
        else:
            state = "failed" if self.restarts.are_used_up else "restarting"
        return ProcessStatus(
            name=self.name,
            kind="worker" if self.profile else "beat",
            profile=self.profile,
            hostname=self.hostname,
            pid=self.pid,
            state=state,
            restarts=self.restarts.count,
            started_at=self.restarts.started_at,
            detail=self.detail,
        )

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # macOS answers EPERM for a group of dead processes
