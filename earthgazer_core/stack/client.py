"""Talking to a stack's supervisor: start it, hold on to it, ask it, end it.

Everything here blocks, and imports neither Celery nor a database driver: a console starts with it.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import platformdirs

from earthgazer_core.errors import ConflictError, ServiceUnavailableError
from earthgazer_core.stack.control_client import ANSWER_S, ControlClient, error_of
from earthgazer_core.stack.files import state_directory
from earthgazer_core.stack.identity import Identity
from earthgazer_core.stack.lease import Lease, take_lease
from earthgazer_core.stack.models import Release, StackEnv, StackStatus, StartStep, StoppingError
from earthgazer_core.stack.profiles import CELERY_APP
from earthgazer_core.stack.supervisor_process import start_supervisor

_START_S = 120.0
_POLL_S = 0.05


def default_state_dir() -> Path:
    """Return where the state of the embedded stack lives if no option says otherwise."""
    named = os.environ.get("EARTHGAZER_STATE_DIR")
    return Path(named) if named else platformdirs.user_state_path("earthgazer")


class StackClient:
    """Speaks to the supervisor of one state directory."""

    def __init__(
        self, state_dir: Path | None = None, *, app: str = CELERY_APP, options: Sequence[str] = ()
    ) -> None:
        self._asked_for = state_dir or default_state_dir()
        self._control = ControlClient(self._asked_for)
        self._options = ("--app", app, *options)
        self._lease: Lease | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None

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
                self._control.ask("detach", on=True)
            for event in self._control.stream(
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
        for event in self._control.stream("watch", _START_S, until=["up"]):
            _report(event, on_step)

    def attach(self) -> Lease:
        """Return the lease that starting took, or a new one; the caller keeps it for as long as it stays.

        Raises:
            ServiceUnavailableError: no stack runs here.
            ConflictError: it is stopping.
        """
        lease, self._lease = self._lease or take_lease(self._control), None
        return lease

    def is_running(self) -> bool:
        """Whether a supervisor answers."""
        try:
            self._control.ask("hello")
        except ServiceUnavailableError:
            return False
        return True

    def status(self) -> StackStatus:
        """Return the stack at this moment; ServiceUnavailableError if none runs."""
        return StackStatus.from_json(self._control.ask("status")["status"])

    def env(self) -> dict[str, str]:
        """Return the settings that reach it, passwords included; ServiceUnavailableError if none runs."""
        variables: dict[str, str] = self._control.ask("env")["variables"]
        return variables

    def start_worker(self, profile: str) -> str:
        """Start one more worker and return its name.

        Raises:
            InvalidInputError: no such profile.
            ConflictError: the stack is starting or stopping.
            ServiceUnavailableError: none runs.
        """
        return str(self._control.ask("start_worker", profile=profile)["name"])

    def stop_worker(self, name: str) -> str:
        """Ask a worker to end what it runs and go; return its name.

        Raises:
            NotFoundError: no such worker.
            ConflictError: the stack is starting or stopping.
            ServiceUnavailableError: none runs.
        """
        return str(self._control.ask("stop_worker", name=name)["name"])

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
                self._lease = take_lease(self._control)
            except StoppingError:
                self._see_off(deadline, on_step)
            except ServiceUnavailableError:
                # Nobody answers: not started yet, ended a moment ago, or taken by one that is just starting.
                supervisor = start_supervisor(self.state_dir, self._options, detach=detach, workers=workers)
                if supervisor is not None:
                    self._supervisor, was_started = supervisor, True
            if self._lease is None and time.monotonic() > deadline:
                raise ConflictError(f"state directory {self.state_dir} is taken, but nobody answers there")
        return was_started

    def _see_off(self, deadline: float, on_step: Callable[[StartStep], None] | None) -> None:
        """Wait for the end of a stack that is stopping; raise why, if it is one that could not start."""
        failed = None
        try:
            for event in self._control.stream("watch", max(0.1, deadline - time.monotonic())):
                if event["event"] == "step" and on_step is not None:
                    on_step(StartStep.from_json(event["step"]))
                failed = event if event["event"] == "failed" else None
        except ServiceUnavailableError:
            return
        if failed is not None:
            raise error_of(failed)

    def _follow_to_the_end(
        self,
        verb: str,
        on_step: Callable[[StartStep], None] | None,
        timeout_s: float | None,
        **arguments: Any,
    ) -> None:
        supervisor = Identity.of(int(self._control.ask("hello")["pid"]))
        for event in self._control.stream(verb, timeout_s, **arguments):
            if event["event"] == "step" and on_step is not None:
                on_step(StartStep.from_json(event["step"]))
        deadline = time.monotonic() + ANSWER_S
        while supervisor is not None and supervisor.is_alive():
            if time.monotonic() > deadline:
                raise ServiceUnavailableError(
                    f"the stack has stopped, but its supervisor {supervisor.pid} stays"
                )
            time.sleep(_POLL_S)
        if self._supervisor is not None:
            self._supervisor.poll()  # collects it if it was ours

    def _greet(self) -> None:
        hello = self._control.ask("hello")
        if hello["version"] != version("earthgazer"):
            raise ConflictError(
                f"state directory {self.state_dir} is in use by EarthGazer {hello['version']}"
                f" (process {hello['pid']}), this is {version('earthgazer')}:"
                " end it with `earthgazer stack down`, or choose another --state-dir"
            )
        if hello["phase"] == "stopping":
            raise StoppingError("the stack is stopping")


def _report(event: dict[str, Any], on_step: Callable[[StartStep], None] | None) -> None:
    if event["event"] == "step" and on_step is not None:
        on_step(StartStep.from_json(event["step"]))
    if event["event"] == "failed":
        raise error_of(event)
    if event["event"] == "stopped":
        raise ServiceUnavailableError("the stack was stopped while it started")
