"""A RabbitMQ server of the tests' own, from Debian's package: own node, ports, cookie and directory."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import psutil

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Where Debian's package puts it."""
EPMD = Path("/usr/bin/epmd")
"""The port mapper that comes with Erlang; a node can't start without."""
_START_S = 60.0
_USER = "guest:guest"
_HOLDERS = "holders"
"""File that all who use a server have a shared lock on."""
_started: list[subprocess.Popen[bytes]] = []
_watchers: list[subprocess.Popen[bytes]] = []
"""They end by themselves, a moment after the last holder."""


def why_absent() -> str:
    """Return why there is no server to start; empty where there is one."""
    missing = [str(path) for path in (SERVER, EPMD) if not os.access(path, os.X_OK)]
    return f"no {' and no '.join(missing)}: install the package rabbitmq-server" if missing else ""


class RabbitServer:
    """One node on free loopback ports; everything it writes is below its directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.ports = _free_ports(4)
        self.pids: list[int] = []
        self._hold: TextIO | None = None

    @property
    def port(self) -> int:
        """Where it speaks AMQP."""
        return self.ports[0]

    @property
    def _management_port(self) -> int:
        return self.ports[1]

    @property
    def management_url(self) -> str:
        """The management API, with user and password."""
        return f"http://{_USER}@127.0.0.1:{self._management_port}"

    def url_of(self, virtual_host: str) -> str:
        """Return a virtual host as a URL for Celery."""
        return f"amqp://{_USER}@127.0.0.1:{self.port}/{urllib.parse.quote(virtual_host, safe='')}"

    def start(self) -> None:
        """Start the node, and the port mapper before it; return once both APIs answer.

        A watcher ends them with the last process that holds the server, however that one ends.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        self._write_configuration()
        self.hold()
        # Started by hand, or the node would leave one behind as a daemon.
        self._spawn([str(EPMD), "-port", str(self.ports[3]), "-address", "127.0.0.1"], "epmd.log")
        self._watch()
        self._until_open(self.ports[3])
        self._spawn([str(SERVER)], "server.log")
        self._watch()
        self._until_open(self.port)
        self._until_open(self._management_port)

    def hold(self) -> None:
        """Keep the server from being ended for as long as this process lives and doesn't let go."""
        # The kernel lets go of it whatever becomes of this process.
        self._hold = (self._directory / _HOLDERS).open("a")
        fcntl.flock(self._hold, fcntl.LOCK_SH)

    def let_go(self) -> None:
        """Let the watchers end it, if nobody else holds it."""
        if self._hold is not None:
            self._hold.close()
            self._hold = None

    def stop(self) -> None:
        """Stop the node, then the port mapper; at once, since nothing of it is kept."""
        self.let_go()
        for pid in reversed(self.pids):
            # The server is a shell with the node in the same session; the node's helpers end with it.
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                # Another process' child is for that to wait for.
                os.waitpid(pid, 0)
        self.pids.clear()

    def add_virtual_host(self, name: str) -> str:
        """Make a fresh virtual host and return its URL."""
        quoted = urllib.parse.quote(name, safe="")
        self.call("PUT", f"/api/vhosts/{quoted}")
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        self.call("PUT", f"/api/permissions/{quoted}/guest", rights)
        return self.url_of(name)

    def remove_virtual_host(self, name: str) -> None:
        """Remove a virtual host with everything in it; its connections are closed."""
        self.call("DELETE", f"/api/vhosts/{urllib.parse.quote(name, safe='')}")

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the management API."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._management_port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Basic {base64.b64encode(_USER.encode()).decode()}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - likewise
            text = response.read()
        return json.loads(text) if text else None

    def _write_configuration(self) -> None:
        for name in ("home", "mnesia", "log"):
            (self._directory / name).mkdir(exist_ok=True)
        (self._directory / "plugins").write_text("[rabbitmq_management].\n")
        (self._directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self._management_port}\n"
            "collect_statistics_interval = 500\n"
            "disk_free_limit.absolute = 1MB\n"
        )

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))
        }
        return {
            **kept,
            # Erlang keeps the node's cookie there.
            "HOME": str(self._directory / "home"),
            "RABBITMQ_MNESIA_BASE": str(self._directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._directory / "log"),
            "RABBITMQ_PID_FILE": str(self._directory / "pid"),
            "RABBITMQ_NODENAME": f"eg{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(self._directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._directory / "plugins"),
            "RABBITMQ_DIST_PORT": str(self.ports[2]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self.ports[3]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _spawn(self, command: list[str], log_name: str) -> None:
        with (self._directory / log_name).open("ab") as log:
            process = subprocess.Popen(
                command, env=self._environment(), stdout=log, stderr=log,
                cwd=self._directory, start_new_session=True,
            )  # fmt: skip
        self.pids.append(process.pid)
        # It may outlive this process, which is not to complain of that.
        _started.append(process)

    def _watch(self) -> None:
        """Have the newest process ended when nobody holds the server any more."""
        pid = self.pids[-1]
        with (self._directory / "watcher.log").open("ab") as log:
            watcher = subprocess.Popen(
                [
                    sys.executable, "-I", __file__, str(self._directory / _HOLDERS), str(pid),
                    str(psutil.Process(pid).create_time()),
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        _watchers.append(watcher)

    def _until_open(self, port: int) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1.0).close()
            except OSError:
                if time.monotonic() > deadline or _started[-1].poll() is not None:
                    self.stop()
                    raise AssertionError(f"RabbitMQ did not start: {self._log()}") from None
                time.sleep(0.05)
            else:
                return

    def _log(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3_000:] for path in self._directory.glob("*.log"))


@contextmanager
def shared_server(directory: Path) -> Iterator[RabbitServer]:
    """Yield the server of all processes that name this directory: the first starts it, the last stops it."""
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory) as book:
        server = _Book.read(book)
        if server is None:
            server = RabbitServer(directory / "node")
            server.start()
        else:
            server.hold()
        _Book.write(book, server, os.getpid(), is_there=True)
    try:
        yield server
    finally:
        with _locked(directory) as book:
            if not _Book.write(book, server, os.getpid(), is_there=False):
                server.stop()
            server.let_go()


class _Book:
    """Who uses a server, and what it takes to use and to stop it."""

    @staticmethod
    def read(path: Path) -> RabbitServer | None:
        kept = json.loads(path.read_text()) if path.exists() else {"users": []}
        if not [pid for pid in kept["users"] if psutil.pid_exists(pid)]:
            return None
        server = RabbitServer(path.parent / "node")
        server.ports, server.pids = tuple(kept["ports"]), list(kept["pids"])
        return server

    @staticmethod
    def write(path: Path, server: RabbitServer, pid: int, *, is_there: bool) -> bool:
        """Note whether a process uses the server; return whether any does."""
        users = set(json.loads(path.read_text())["users"]) if path.exists() else set()
        users = {user for user in users if user != pid and psutil.pid_exists(user)}
        users |= {pid} if is_there else set()
        path.write_text(json.dumps({"users": sorted(users), "ports": server.ports, "pids": server.pids}))
        return bool(users)


@contextmanager
def _locked(directory: Path) -> Iterator[Path]:
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory / "book.json"


def _free_ports(count: int) -> tuple[int, ...]:
    """Return ports that nobody listens on now; all are held until the last is found."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(int(one.getsockname()[1]) for one in sockets)
    finally:
        for one in sockets:
            one.close()


def _end_with_holders(holders: str, pid: int, created: float) -> None:
    """Wait until nobody has a lock on the file, then kill a process with its session."""
    with Path(holders).open("a") as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        # Another process may have the number by now.
        if psutil.Process(pid).create_time() == created:
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    _end_with_holders(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
