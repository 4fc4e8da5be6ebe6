"""Processes that are measured: their processor time and memory, from /proc."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Measured:
    """A child process; it is ended with the block."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            list(command), stdout=subprocess.PIPE, stderr=stderr, env=dict(env) if env else None, cwd=cwd
        )

    def __enter__(self) -> Measured:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def wait_for(self, word: str) -> None:
        """Wait for a line that it prints.

        Raises:
            RuntimeError: it ended before.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.decode().strip() == word:
                return
        raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()} before it said {word}")

    @property
    def cpu_s(self) -> float:
        """Processor time so far, in user and kernel, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    @property
    def peak_bytes(self) -> int:
        """Largest resident memory so far."""
        return self._status("VmHWM")

    @property
    def resident_bytes(self) -> int:
        """Resident memory now."""
        return self._status("VmRSS")

    def finish(self, timeout_s: float = 60.0) -> str:
        """Ask it to end; return what it printed."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=timeout_s)
        return out.decode()

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"no {name} of process {self.process.pid}")
