"""Talking to a stack's supervisor: start it, hold on to it, ask it, end it.

Everything here blocks, and imports neither Celery nor a database driver: a console starts with it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import platformdirs

from earthgazer_core import errors
from earthgazer_core.errors import ConflictError, EarthGazerError, ServiceUnavailableError
from earthgazer_core.stack.files import control_path, is_there, open_log, state_directory
from earthgazer_core.stack.identity import MARKER, Identity
from earthgazer_core.stack.models import Release, StackEnv, StackStatus, StartStep, StoppingError
from earthgazer_core.stack.profiles import CELERY_APP

_ANSWER_S = 10.0
_START_S = 120.0
_POLL_S = 0.05


def default_state_dir() -> Path:
    """Return where the state of the embedded stack lives if nobody says otherwise."""
    return platformdirs.user_state_path("earthgazer")


class _Supervisor(subprocess.Popen[bytes]):
    """A child that outlives us where that is wanted: going out of sight is no leak."""

    def __del__(self) -> None:
        """Say nothing; a running supervisor belongs to the state directory, not to us."""


class Lease:
    """A console's hold on the stack: while the connection is open, the stack stays."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    @property
    def is_held(self) -> bool:
        """Whether the supervisor is still at the other end."""
        try:
            return self._link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def release(self, choice: Release | None = None) -> bool:
        """Let go, saying what shall become of the stack; return whether it ends now.

        None is what a lost link says: running tasks end, then the stack stops. Does nothing if let go before.
        """
        try:
            with self._link:
                request = {"verb": "release", "choice": choice.value if choice else None}
                self._link.settimeout(_ANSWER_S)
                self._link.sendall(json.dumps(request).encode() + b"\n")
                answer = _answer(_read_line(self._link))
        except (OSError, ServiceUnavailableError):
            return True
        return bool(answer["stopping"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()


class StackClient:
    """Speaks to the supervisor of one state directory."""

    def __init__(
        self, state_dir: Path | None = None, *, app: str = CELERY_APP, options: Sequence[str] = ()
    ) -> None:
        self._asked_for = state_dir or default_state_dir()
        self._options = ("--app", app, *options)
        self._lease: Lease | None = None
        self._supervisor: _Supervisor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of a lease that starting took and nobody asked for, as a lost link would."""
        if self._lease is not None:
            self._lease.release(None)
            self._lease = None

    @property
    def state_dir(self) -> Path:
        """The state directory, made if need be.

        Raises:
            RefusedError: it is another user's, or there is no permission.
            ConflictError: it holds other things.
        """
        return state_directory(self._asked_for)

    def ensure_running(
        self,
        on_step: Callable[[StartStep], None] | None = None,
        *,
        detach: bool = False,
        workers: int | None = None,
        wait_for_workers: bool = True,
    ) -> StackEnv:
        """Start the stack or attach to the one that runs, and return how to reach it.

        Without ``detach`` this client holds a lease from then on; ``attach`` hands it out.

        Raises:
            ConflictError: the state directory is taken by something that isn't a stack of this version.
            EarthGazerError: it could not be started; the message says why.
        """
        was_started = self._hold(detach=detach, workers=workers, on_step=on_step)
        try:
            if detach:
                self._ask("detach", on=True)
            for event in self._stream(
                "watch", _START_S, until=["up"] if wait_for_workers else ["up", "usable"]
            ):
                _report(event, on_step)
            return StackEnv(self.state_dir, was_started, self.env())
        except BaseException:
            self.close()
            raise
        finally:
            if detach:
                self.close()

    def watch_start(self, on_step: Callable[[StartStep], None]) -> None:
        """Report the steps of the start, those told before included, until all workers are seen or failed."""
        for event in self._stream("watch", _START_S, until=["up"]):
            _report(event, on_step)

    def attach(self) -> Lease:
        """Return the lease that starting took, or a new one; the caller keeps it for as long as it stays.

        Raises:
            ServiceUnavailableError: no stack runs here.
            ConflictError: it is stopping.
        """
        lease, self._lease = self._lease or self._take_lease(), None
        return lease

    def is_running(self) -> bool:
        """Whether a supervisor answers."""
        try:
            self._ask("hello")
        except ServiceUnavailableError:
            return False
        return True

    def status(self) -> StackStatus:
        """Return the stack at this moment; ServiceUnavailableError if none runs."""
        return StackStatus.from_json(self._ask("status")["status"])

    def env(self) -> dict[str, str]:
        """Return the settings that reach it, passwords included; ServiceUnavailableError if none runs."""
        variables: dict[str, str] = self._ask("env")["variables"]
        return variables

    def start_worker(self, profile: str) -> str:
        """Start one more worker and return its name.

        Raises:
            InvalidInputError: no such profile.
            ConflictError: the stack is starting or stopping.
            ServiceUnavailableError: none runs.
        """
        return str(self._ask("start_worker", profile=profile)["name"])

    def stop_worker(self, name: str) -> str:
        """Ask a worker to end what it runs and go; return its name.

        Raises:
            NotFoundError: no such worker.
            ConflictError: the stack is starting or stopping.
            ServiceUnavailableError: none runs.
        """
        return str(self._ask("stop_worker", name=name)["name"])

    def shutdown(
        self,
        mode: Release = Release.WAIT,
        on_step: Callable[[StartStep], None] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        """End the stack for everybody and return when all of it is gone.

        Raises:
            ServiceUnavailableError: none runs, or it was not gone in time.
        """
        self._follow_to_the_end("shutdown", on_step, timeout_s, mode=mode.value)

    def wait_stopped(
        self, on_step: Callable[[StartStep], None] | None = None, *, timeout_s: float | None = None
    ) -> None:
        """Return when a stack that is ending is gone; at once if there is none."""
        if self.is_running():
            self._follow_to_the_end("watch", on_step, timeout_s)

    def _hold(
        self, *, detach: bool, workers: int | None, on_step: Callable[[StartStep], None] | None
    ) -> bool:
        """Take a lease, starting the stack if need be; return whether it was started."""
        deadline = time.monotonic() + _START_S
        was_started = False
        while self._lease is None:
            try:
                self._greet()
                self._lease = self._take_lease()
            except StoppingError:
                self._see_off(deadline, on_step)
            except ServiceUnavailableError:
                # Nobody answers: not started yet, ended a moment ago, or taken by one that is just starting.
                was_started = self._start(detach=detach, workers=workers) or was_started
            if self._lease is None and time.monotonic() > deadline:
                raise ConflictError(f"state directory {self.state_dir} is taken, but nobody answers there")
        return was_started

    def _see_off(self, deadline: float, on_step: Callable[[StartStep], None] | None) -> None:
        """Wait for the end of a stack that is stopping; raise why, if it is one that could not start."""
        failed = None
        try:
            for event in self._stream("watch", max(0.1, deadline - time.monotonic())):
                if event["event"] == "step" and on_step is not None:
                    on_step(StartStep.from_json(event["step"]))
                failed = event if event["event"] == "failed" else None
        except ServiceUnavailableError:
            return
        if failed is not None:
            raise _error(failed)

    def _follow_to_the_end(
        self,
        verb: str,
        on_step: Callable[[StartStep], None] | None,
        timeout_s: float | None,
        **arguments: Any,
    ) -> None:
        supervisor = Identity.of(int(self._ask("hello")["pid"]))
        for event in self._stream(verb, timeout_s, **arguments):
            if event["event"] == "step" and on_step is not None:
                on_step(StartStep.from_json(event["step"]))
        deadline = time.monotonic() + _ANSWER_S
        while supervisor is not None and supervisor.is_alive():
            if time.monotonic() > deadline:
                raise ServiceUnavailableError(
                    f"the stack has stopped, but its supervisor {supervisor.pid} stays"
                )
            time.sleep(_POLL_S)
        if self._supervisor is not None:
            self._supervisor.poll()  # collects it if it was ours

    def _greet(self) -> None:
        hello = self._ask("hello")
        if hello["version"] != version("earthgazer"):
            raise ConflictError(
                f"state directory {self.state_dir} is in use by EarthGazer {hello['version']}"
                f" (process {hello['pid']}), this is {version('earthgazer')}:"
                " end it with `earthgazer stack down`, or choose another --state-dir"
            )
        if hello["phase"] == "stopping":
            raise StoppingError("the stack is stopping")

    def _take_lease(self) -> Lease:
        link = self._connect(_ANSWER_S)
        try:
            link.sendall(b'{"verb": "attach"}\n')
            _answer(_read_line(link))
        except BaseException:
            link.close()
            raise
        link.settimeout(None)
        return Lease(link)

    def _start(self, *, detach: bool, workers: int | None) -> bool:
        """Start a supervisor; return whether it took the state directory."""
        state_dir = self.state_dir
        # -P keeps modules of the current directory from being imported instead of the installed ones.
        command = [sys.executable, "-P", "-m", "earthgazer_core.stack", "--state-dir", str(state_dir)]
        command += self._options
        command += ["--detach"] if detach else []
        command += ["--workers", str(workers)] if workers is not None else []
        log = open_log(state_dir, "supervisor")
        read_end, write_end = os.pipe()
        with os.fdopen(read_end, "rb") as answer:
            with os.fdopen(log, "ab") as stderr, os.fdopen(write_end, "wb") as stdout:
                process = _Supervisor(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    # A mark inherited from another stack would make that one take us for its own.
                    env={name: value for name, value in os.environ.items() if name != MARKER},
                    start_new_session=True,
                )
            line = answer.readline()
        if not line:
            process.wait()
            raise ServiceUnavailableError(
                f"the stack's supervisor did not start: see {state_dir}/logs/supervisor.log"
            )
        try:
            _answer(line)
        except ConflictError:
            process.wait()
            time.sleep(_POLL_S)
            return False
        except EarthGazerError:
            process.wait()
            raise
        self._supervisor = process
        return True

    def _ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        with self._connect(_ANSWER_S) as link:
            link.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            return _answer(_read_line(link))

    def _stream(self, verb: str, timeout_s: float | None, **arguments: Any) -> Iterator[dict[str, Any]]:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._connect(timeout_s) as link, link.makefile("rb") as lines:
            link.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            while True:
                if deadline is not None:
                    link.settimeout(max(0.01, deadline - time.monotonic()))
                try:
                    event = _answer(lines.readline())
                except TimeoutError:
                    raise ServiceUnavailableError(f"the stack took longer than {timeout_s:.0f} s") from None
                yield event
                if event["event"] in ("stopped", "failed", *arguments.get("until", ())):
                    return

    def _connect(self, timeout_s: float | None) -> socket.socket:
        nobody = f"no stack runs in {self._asked_for}: start it with `earthgazer stack up`"
        if not is_there(self._asked_for):
            raise ServiceUnavailableError(nobody)
        path = control_path(self.state_dir)
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(timeout_s)
        try:
            link.connect(str(path))
        except OSError as error:
            link.close()
            raise ServiceUnavailableError(nobody) from error
        return link


def _report(event: dict[str, Any], on_step: Callable[[StartStep], None] | None) -> None:
    if event["event"] == "step" and on_step is not None:
        on_step(StartStep.from_json(event["step"]))
    if event["event"] == "failed":
        raise _error(event)
    if event["event"] == "stopped":
        raise ServiceUnavailableError("the stack was stopped while it started")


def _read_line(link: socket.socket) -> bytes:
    with link.makefile("rb") as lines:
        try:
            return lines.readline()
        except TimeoutError:
            raise ServiceUnavailableError("the stack's supervisor does not answer") from None


def _answer(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise ServiceUnavailableError("the stack's supervisor ended")
    answer: dict[str, Any] = json.loads(line)
    if not answer["ok"]:
        raise _error(answer)
    return answer


def _error(answer: dict[str, Any]) -> EarthGazerError:
    if answer["kind"] == StoppingError.__name__:
        return StoppingError(answer["error"])
    kind = getattr(errors, str(answer["kind"]), EarthGazerError)
    is_ours = isinstance(kind, type) and issubclass(kind, EarthGazerError)
    return (kind if is_ours else EarthGazerError)(str(answer["error"]))
