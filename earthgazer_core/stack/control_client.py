"""The other end of the control socket: one request, one answer or a stream of them; blocks."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from earthgazer_core import errors
from earthgazer_core.errors import EarthGazerError, ServiceUnavailableError
from earthgazer_core.stack.files import control_path, is_there, state_directory
from earthgazer_core.stack.models import StoppingError

ANSWER_S = 10.0
"""The longest that a supervisor takes to answer."""


class ControlClient:
    """Asks the supervisor of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Return the answer to a request.

        Raises:
            ServiceUnavailableError: no stack runs there, or it does not answer.
            EarthGazerError: what the supervisor says went wrong, as the kind of error that it is.
        """
        with self.connect(ANSWER_S) as link:
            link.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            return answer_of(read_line(link))

    def stream(self, verb: str, timeout_s: float | None, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield what the supervisor tells after a request, up to the end or to an event of ``until``.

        Raises:
            ServiceUnavailableError: no stack runs there, it ended, or the time is over.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self.connect(timeout_s) as link, link.makefile("rb") as lines:
            link.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            while True:
                if deadline is not None:
                    link.settimeout(max(0.01, deadline - time.monotonic()))
                try:
                    event = answer_of(lines.readline())
                except TimeoutError:
                    raise ServiceUnavailableError(f"the stack took longer than {timeout_s:.0f} s") from None
                yield event
                if event["event"] in ("stopped", "failed", *arguments.get("until", ())):
                    return

    def connect(self, timeout_s: float | None) -> socket.socket:
        """Return an open connection; ServiceUnavailableError if no stack runs there."""
        nobody = f"no stack runs in {self._state_dir}: start it with `earthgazer stack up`"
        if not is_there(self._state_dir):
            raise ServiceUnavailableError(nobody)
        path = control_path(state_directory(self._state_dir))
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(timeout_s)
        try:
            link.connect(str(path))
        except OSError as error:
            link.close()
            raise ServiceUnavailableError(nobody) from error
        return link


def read_line(link: socket.socket) -> bytes:
    """Return the next line that the supervisor sends; ServiceUnavailableError if none comes in time."""
    with link.makefile("rb") as lines:
        try:
            return lines.readline()
        except TimeoutError:
            raise ServiceUnavailableError("the stack's supervisor does not answer") from None


def answer_of(line: bytes) -> dict[str, Any]:
    """Return what a line says; raises the error that it tells of."""
    if not line.endswith(b"\n"):
        raise ServiceUnavailableError("the stack's supervisor ended")
    answer: dict[str, Any] = json.loads(line)
    if not answer["ok"]:
        raise error_of(answer)
    return answer


def error_of(answer: dict[str, Any]) -> EarthGazerError:
    """Return the error that an answer tells of."""
    if answer["kind"] == StoppingError.__name__:
        return StoppingError(answer["error"])
    kind = getattr(errors, str(answer["kind"]), EarthGazerError)
    is_ours = isinstance(kind, type) and issubclass(kind, EarthGazerError)
    return (kind if is_ours else EarthGazerError)(str(answer["error"]))
