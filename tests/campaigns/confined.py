"""Calls in a child process with little memory and time, so that what one does to its process is seen."""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from earthgazer_core.errors import EarthGazerError, TransientError

MEBI = 1 << 20


@dataclass(frozen=True)
class Outcome:
    """What became of one call."""

    kind: str
    """``done``, ``refused`` (an error of ours), ``wrong`` (any other error), ``died`` or ``endless``."""
    text: str
    """What it returned or said, or the signal that ended it."""
    seconds: float
    """How long it took."""
    grown_mb: float
    """Most memory that it had beyond what its process had before, in MB."""
    error: str = ""
    """Class of the error."""

    @property
    def is_well(self) -> bool:
        """Whether it ended by itself and, if in an error, in one line of ours."""
        return self.kind == "done" or (self.kind == "refused" and "\n" not in self.text)


class Confined:
    """A child that makes calls one after the other; started again when a call has ended it.

    Args:
        function: ``module:function``; takes JSON values, and what it returns is turned into text.
        memory_mb: Address space that a call may take beyond what the child has after starting.
        seconds: Longest time of a call.
    """

    def __init__(self, function: str, *, memory_mb: int, seconds: float) -> None:
        self._function = function
        self._memory_mb = memory_mb
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def call(self, *arguments: Any) -> Outcome:
        """Make a call and return what became of it."""
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        began = time.monotonic()
        child.stdin.write(json.dumps(arguments).encode() + b"\n")
        child.stdin.flush()
        answer = _line(child.stdout.fileno(), self._seconds)
        took_s = time.monotonic() - began
        if answer is None:
            self._end()
            return Outcome("endless", f"no end within {self._seconds:g} s", took_s, 0.0)
        if not answer:
            code = child.wait(30)
            self._end()
            reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return Outcome("died", f"the process ended: {reason}", took_s, 0.0)
        told = json.loads(answer)
        return Outcome(told["kind"], told["text"], took_s, told["grown_mb"], told["error"])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.campaigns.confined", self._function, str(self._memory_mb)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )  # fmt: skip
            assert self._child.stdout is not None
            assert _line(self._child.stdout.fileno(), 60) == b"ready", "the child did not start"
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def _line(descriptor: int, seconds: float) -> bytes | None:
    """Return what comes up to a line's end, nothing where the other side has gone, None if it is too slow."""
    deadline = time.monotonic() + seconds
    data = b""
    while not data.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return b""
        data += chunk
    return data.rstrip(b"\n")


def _status_mb(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _answer(function: Any, arguments: Sequence[Any]) -> dict[str, Any]:
    Path("/proc/self/clear_refs").write_text("5")
    before = _status_mb("VmRSS")
    error = ""
    try:
        kind, text = "done", str(function(*arguments))
    except EarthGazerError as problem:
        kind, text, error = "refused", str(problem), type(problem).__name__
        if isinstance(problem, TransientError):
            error += " (transient)"
    except BaseException as problem:  # noqa: BLE001 - whatever it is, it is the finding
        kind, text, error = "wrong", f"{problem!s:.1500}", type(problem).__name__
        place = problem.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        if place is not None:
            text += f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
    grown = round(_status_mb("VmHWM") - before, 1)
    return {"kind": kind, "text": text[:5000], "error": error, "grown_mb": grown}


def _serve(function_name: str, memory_mb: int) -> None:
    module, _, name = function_name.partition(":")
    function = getattr(importlib.import_module(module), name)
    prepare = getattr(importlib.import_module(module), "prepare", None)
    if prepare is not None:
        prepare()
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints to its standard output must not be taken for an answer.
    os.dup2(2, 1)
    limit = int(_status_mb("VmSize") + memory_mb) * MEBI
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        answers.write(json.dumps(_answer(function, json.loads(line))).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
