"""An embedded stack as its user starts it, with a console attached, on a small disk where one can be had."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import psutil
import redis
from celery import Celery
from pydantic import SecretStr

from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.settings import DatabaseSettings
from earthgazer_core.stack.identity import Identity
from earthgazer_core.stack.statefile import StackRecord
from tests.product.terminal import Terminal

T = TypeVar("T")

TIME_LIMIT_S = 25
"""Hard time limit of a task; what a worker had begun counts as lost some time after it."""
_MARK = "EARTHGAZER_CAMPAIGN"
_DISK_BYTES = 768 * 1024 * 1024
_UP_S = 120.0
_COMMAND_S = 120.0


class ChaosStack:
    """One state directory, all that was ever started on it, and who works with it."""

    def __init__(self, root: Path, catalogue_url: str) -> None:
        self.root = root
        self.is_small_disk = _mount(root)
        self.state_dir = root / "s"
        self.fill_file = root / "filler"
        self._mark = secrets.token_hex(8)
        self._console: Terminal | None = None
        self._starting: subprocess.Popen[bytes] | None = None
        (root / "home").mkdir()
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("EARTHGAZER", "XDG_")) and name not in ("COLUMNS", "LINES")
            },
            _MARK: self._mark,
            "HOME": str(root / "home"),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "EARTHGAZER__CATALOG__KIND": "stac-static",
            "EARTHGAZER__CATALOG__URL": catalogue_url,
            "EARTHGAZER__CELERY__TASK_TIME_LIMIT_S": str(TIME_LIMIT_S),
            "EARTHGAZER__CELERY__TASK_SOFT_TIME_LIMIT_S": str(TIME_LIMIT_S - 5),
            "EARTHGAZER__CELERY__VISIBILITY_TIMEOUT_S": str(TIME_LIMIT_S + 5),
            "EARTHGAZER__CELERY__RETRY_BACKOFF_S": "0.2",
        }

    def up(self) -> None:
        """Start the stack, or find it running, as its user does: once more where it failed."""
        if not until(self.comes_up, _UP_S):
            raise RuntimeError(f"the stack does not start: {self.command('stack', 'up', '--detach').stderr}")

    def comes_up(self) -> bool:
        """Start the stack, or find it running, without waiting; return whether it is up."""
        if self._starting is None:
            self._starting = subprocess.Popen(
                self._words("stack", "up", "--detach"), cwd=self.root, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            return False
        code = self._starting.poll()
        if code is not None:
            self._starting = None
        return code == 0

    def down(self) -> subprocess.CompletedProcess[str]:
        """End the stack; running tasks first."""
        return self.command("stack", "down")

    def command(self, *words: str, timeout_s: float = _COMMAND_S) -> subprocess.CompletedProcess[str]:
        """Run a command line of ``earthgazer``."""
        return subprocess.run(
            self._words(*words),
            cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip

    def _words(self, *words: str) -> list[str]:
        start = [sys.executable, "-P", "-m", "earthgazer_core.cli", "--state-dir", str(self.state_dir)]
        return [*start, *words]

    def open_console(self) -> None:
        """Attach a console in a terminal."""
        command = [sys.executable, "-P", "-m", "earthgazer_tui", "--state-dir", str(self.state_dir)]
        self._console = Terminal(command, columns=100, lines=30, env=self.environment, cwd=self.root)

    def kill_console(self) -> None:
        """Kill the console, if there is one, as a lost machine would."""
        if self._console is not None:
            self._console.__exit__(None, None, None)
            self._console = None

    def quit_console(self) -> None:
        """Leave the console as its user does."""
        if self._console is not None:
            self._console.press("escape", "q")
            until(lambda: self._console is None or self._console.exit_code() is not None, 10.0)
            self.kill_console()

    def identity(self, name: str) -> Identity | None:
        """Return a process of the stack, ``valkey``, ``io1``, …, if it runs."""
        record = StackRecord.read(self.state_dir)
        if record is None:
            return None
        identity = record.supervisor if name == "supervisor" else record.processes.get(name)
        return identity if identity is not None and identity.is_alive() else None

    def children(self, name: str) -> list[Identity]:
        """Return the processes right below one of the stack's, such as a worker's pool."""
        parent = self.identity(name)
        if parent is None:
            return []
        try:
            found = [Identity.of(child.pid) for child in psutil.Process(parent.pid).children()]
        except psutil.NoSuchProcess:
            return []
        return [child for child in found if child is not None]

    def living(self) -> list[psutil.Process]:
        """Return every process that was started on behalf of this stack and still runs."""
        found = []
        for process in psutil.process_iter():
            try:
                # A server that writes its title over its environment is known by its words.
                is_marked = process.environ().get(_MARK) == self._mark
                is_ours = is_marked or any(str(self.root) in word for word in process.cmdline())
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess, OSError):
                continue
        return found

    @cached_property
    def variables(self) -> dict[str, str]:
        """Settings that reach the stack; the same in all its lives."""
        done = self.command("stack", "env", "--json")
        variables: dict[str, str] = json.loads(done.stdout)
        return variables

    @cached_property
    def database(self) -> Database:
        """Its database."""
        url = SecretStr(self.variables["EARTHGAZER__DATABASE__URL"])
        return Database(make_engine(DatabaseSettings(url=url)))

    @cached_property
    def client(self) -> redis.Redis:
        """Its broker."""
        url = self.variables["EARTHGAZER__CELERY__BROKER_URL"]
        return redis.Redis.from_url(url.replace("redis+socket://", "unix://").replace("virtual_host=", "db="))

    @cached_property
    def app(self) -> Celery:
        """An app that publishes to it."""
        url = self.variables["EARTHGAZER__CELERY__BROKER_URL"]
        return Celery("campaign", broker=url, backend=url, set_as_current=False)

    @property
    def data_path(self) -> Path:
        """Where its files are."""
        return self.state_dir / "data"

    def fill_disk(self) -> None:
        """Leave no room on the disk; where there is no small disk, forbid workers to write any file."""
        if self.is_small_disk:
            with self.fill_file.open("ab", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(1024 * 1024))
                except OSError:
                    return
        self._limit_files(64)

    def free_disk(self) -> None:
        """Give the room back."""
        if self.is_small_disk:
            self.fill_file.unlink(missing_ok=True)
        else:
            self._limit_files(psutil.RLIM_INFINITY)

    def close(self) -> None:
        """End whatever is left, and leave nothing."""
        self.kill_console()
        for name in ("database", "client", "app"):
            if name in self.__dict__:
                (self.database.dispose if name == "database" else getattr(self, name).close)()
        for process in self.living():
            _end(process)
        if self._starting is not None:
            self._starting.wait()
        if self.is_small_disk and (umount := shutil.which("umount")):
            subprocess.run([umount, "-l", str(self.root)], check=False, capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def _limit_files(self, size: int) -> None:
        for worker in ("cpu1", "io1"):
            for child in self.children(worker):
                try:
                    psutil.Process(child.pid).rlimit(psutil.RLIMIT_FSIZE, (size, psutil.RLIM_INFINITY))
                except psutil.NoSuchProcess:
                    continue


def until(is_so: Callable[[], T], seconds: float, pause_s: float = 0.25) -> T:
    """Return the first true answer, or the last one when the time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := is_so()) and time.monotonic() < deadline:
        time.sleep(pause_s)
    return answer


def open_files(identity: Identity) -> Iterator[str]:
    """Yield the paths of the files that a process has open."""
    directory = Path(f"/proc/{identity.pid}/fd")
    try:
        links = list(directory.iterdir())
    except OSError:
        return
    for link in links:
        try:
            yield str(link.readlink())
        except OSError:
            continue


def _mount(root: Path) -> bool:
    """Put a small file system under ``root``; return whether that is allowed here."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    words: list[Any] = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES},mode=0700", "chaos", root]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _end(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        return
