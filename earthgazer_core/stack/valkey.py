"""The embedded broker: one Valkey (or Redis) server on a private unix socket, with a password."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.stack.binaries import find_valkey
from earthgazer_core.stack.files import (
    log_tail,
    open_log,
    private_directory,
    runtime_directory,
    secret,
    write_private,
)
from earthgazer_core.stack.launch import death_signal

_POLL_S = 0.01


class ValkeyServer:
    """Starts, watches and stops one server whose data live under a state directory."""

    name = "valkey"

    def __init__(
        self,
        directory: Path,
        *,
        start_timeout_s: float = 30.0,
        dies_with_parent: bool = False,
        databases: int = 16,
    ) -> None:
        self.directory = directory
        self.databases = databases
        self.dies_with_parent = dies_with_parent
        self.start_timeout_s = start_timeout_s
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket_path(self) -> Path:
        """Path of the unix socket."""
        return runtime_directory(self.directory) / "valkey.sock"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self.process.pid if self.process and self.process.poll() is None else None

    @property
    def url(self) -> str:
        """Broker URL of database 0 as Celery takes it, password included: never print it."""
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        """Return the URL of one logical database."""
        password = secret(self.directory, "valkey")
        return f"redis+socket://:{password}@{self.socket_path}?virtual_host={database}"

    @property
    def redis_py_url(self) -> str:
        """URL of database 0 in the spelling of redis-py, password included: never print it."""
        return f"unix://:{secret(self.directory, 'valkey')}@{self.socket_path}?db=0"

    def start(self) -> None:
        """Start the server and return when it answers.

        Raises:
            ServiceUnavailableError: it exited or didn't answer in time; the message has its last words.
        """
        binary = find_valkey(self.directory)
        data = private_directory(self.directory / binary.directory_name)
        configuration = data / "server.conf"
        write_private(configuration, self._configuration(data))
        self.socket_path.unlink(missing_ok=True)
        before = death_signal("TERM") if self.dies_with_parent else ()
        log = open_log(self.directory, self.name)
        with open(log, "ab") as file:  # noqa: PTH123 - a descriptor, not a path
            written = file.tell()
            self.process = subprocess.Popen(
                [*before, str(binary.path), str(configuration)],
                cwd=data,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        deadline = time.monotonic() + self.start_timeout_s
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServiceUnavailableError(
                    f"Valkey did not start: {log_tail(self.directory, self.name, written) or 'no answer'}"
                )
            time.sleep(_POLL_S)

    def answers(self) -> bool:
        """Whether the server takes our password and has loaded its data."""
        return self._ask("PING") == b"+PONG"

    def unacked(self) -> int:
        """Return how many messages were delivered and not acknowledged, as Celery's transport keeps them."""
        answer = self._ask("HLEN unacked")
        return int(answer[1:]) if answer.startswith(b":") else 0

    def _ask(self, command: str) -> bytes:
        """Return the one line that the server answers, or nothing; so little needs no client library."""
        password = secret(self.directory, "valkey")
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(2.0)
            try:
                link.connect(str(self.socket_path))
                link.sendall(f"AUTH {password}\r\n{command}\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (chunk := link.recv(256)):
                    answer += chunk
            except OSError:
                return b""
        return answer.removeprefix(b"+OK\r\n").removesuffix(b"\r\n")

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop the server, its append-only file written to disk; kill it if it won't."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.socket_path.unlink(missing_ok=True)

    def _configuration(self, data: Path) -> str:
        return "\n".join(
            (
                "port 0",
                f"unixsocket {_quoted(self.socket_path)}",
                "unixsocketperm 600",
                f"requirepass {secret(self.directory, 'valkey')}",
                f"dir {_quoted(data)}",
                f"databases {self.databases}",
                "daemonize no",
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                # Evicting a queue would be losing work: writes fail instead.
                "maxmemory-policy noeviction",
                # The default, 8 MB within a minute, cuts off a console that is slow for a moment.
                "client-output-buffer-limit pubsub 64mb 32mb 60",
                "always-show-logo no",
                "",
            )
        )


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
