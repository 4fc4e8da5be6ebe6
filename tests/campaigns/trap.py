"""Places that nothing may look at: a listener that counts who comes, and a pipe that holds whoever reads."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Trap:
    """A real listener on loopback and a real pipe."""

    port: int
    """Where it listens."""
    pipe: Path
    """Opening it for reading waits for ever."""
    visitors: list[bytes] = field(default_factory=list)
    """First bytes of each connection."""

    @property
    def url(self) -> str:
        """Where it listens, as an address."""
        return f"http://127.0.0.1:{self.port}"

    def caught(self) -> list[str]:
        """Return what came since the last time."""
        found = [f"a connection was made: {first[:120]!r}" for first in self.visitors]
        self.visitors.clear()
        try:
            os.close(os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK))
            found.append("the pipe was opened")
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        return found


@contextmanager
def setting(folder: Path) -> Iterator[Trap]:
    """Yield a trap; the pipe is made in ``folder``."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        trap = Trap(listener.getsockname()[1], pipe)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(1)
                    try:
                        trap.visitors.append(connection.recv(1024))
                        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    except OSError:
                        trap.visitors.append(b"")

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield trap
        finally:
            listener.shutdown(socket.SHUT_RDWR)
