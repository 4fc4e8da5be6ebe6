"""A console's hold on the stack."""

from __future__ import annotations

import json
import socket
from types import TracebackType
from typing import Self

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.stack.control_client import ANSWER_S, ControlClient, answer_of, read_line
from earthgazer_core.stack.models import Release


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
                self._link.settimeout(ANSWER_S)
                self._link.sendall(json.dumps(request).encode() + b"\n")
                answer = answer_of(read_line(self._link))
        except (OSError, ServiceUnavailableError):
            return True
        return bool(answer["stopping"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()


def take_lease(control: ControlClient) -> Lease:
    """Attach to the stack that runs.

    Raises:
        ServiceUnavailableError: none runs.
        ConflictError: it is stopping.
    """
    link = control.connect(ANSWER_S)
    try:
        link.sendall(b'{"verb": "attach"}\n')
        answer_of(read_line(link))
    except BaseException:
        link.close()
        raise
    link.settimeout(None)
    return Lease(link)
