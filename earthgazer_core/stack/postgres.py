"""The embedded database: one durable Postgres server on a private unix socket, with passwords."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from psycopg2 import sql

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.stack.binaries import ServerBinary, find_postgres
from earthgazer_core.stack.files import open_log, secret, write_private
from earthgazer_core.stack.launch import Launch, choose_launch, death_signal

ROLE = "earthgazer"
"""Role that EarthGazer logs in with; it owns its database and is no superuser."""
DATABASE = "earthgazer"
"""The database of the stack."""

_SUPERUSER = "postgres"
_POLL_S = 0.02
_STILL_IN_USE = "pre-existing shared memory block"


class PostgresServer:
    """Starts, watches and stops one server whose data live under a state directory."""

    name = "postgres"

    def __init__(
        self,
        directory: Path,
        *,
        start_timeout_s: float = 60.0,
        is_durable: bool = True,
        dies_with_parent: bool = False,
        launch: Launch | None = None,
    ) -> None:
        self.directory = directory
        self.start_timeout_s = start_timeout_s
        self.is_durable = is_durable
        self.dies_with_parent = dies_with_parent
        self.process: subprocess.Popen[bytes] | None = None
        self._binary: ServerBinary | None = None
        self._launch = launch

    @property
    def binary(self) -> ServerBinary:
        """The server program that fits the data."""
        if self._binary is None:
            self._binary = find_postgres(self.directory)
        return self._binary

    @property
    def launch(self) -> Launch:
        """The identity it runs with."""
        if self._launch is None:
            self._launch = choose_launch(self.directory, self.binary.directory_name)
        return self._launch

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.launch.home / self.binary.directory_name

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self.process.pid if self.process and self.process.poll() is None else None

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the stack's database, password included: never print it."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Return the URL of one database."""
        password = secret(self.directory, "postgres")
        return f"postgresql+psycopg2://{ROLE}:{password}@/{database}?host={self.launch.sockets}"

    def start(self) -> None:
        """Make the data directory if need be, start the server, and return when it takes connections.

        Raises:
            ServiceUnavailableError: it exited or didn't answer in time; the message has its last words.
        """
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._forget_stale_pid()
        deadline = time.monotonic() + self.start_timeout_s
        while (reason := self._try_start(deadline)) is not None:
            # The children of a killed server need a moment to notice; until then it refuses to start again.
            if _STILL_IN_USE not in reason or time.monotonic() > deadline:
                raise ServiceUnavailableError(f"Postgres did not start: {reason}")
            time.sleep(0.1)
        self._ensure_role()

    def answers(self) -> bool:
        """Whether the server takes our password."""
        try:
            psycopg2.connect(**self._superuser()).close()
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self, timeout_s: float = 20.0) -> None:
        """Stop the server: fast shutdown, then an immediate one that leaves a recovery to do."""
        if self.process is None:
            return
        for number, patience in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 5.0), (signal.SIGKILL, None)):
            if self.process.poll() is not None:
                break
            self.process.send_signal(number)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        self.process.wait()

    def _try_start(self, deadline: float) -> str | None:
        """Start once; return why it failed, or None."""
        log = open_log(self.directory, self.name)
        with open(log, "ab") as file:  # noqa: PTH123 - a descriptor, not a path
            written = file.tell()
            self.process = subprocess.Popen(
                self.launch.command(
                    self.binary.path,
                    "-D",
                    str(self.data),
                    *self._options(),
                    before=death_signal("INT") if self.dies_with_parent else (),
                ),
                cwd=self.data if self.launch.owner is None else "/",
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                **self.launch.popen,
            )
        while not self._accepts():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                return self._last_words(written)
            time.sleep(_POLL_S)
        return None

    def _accepts(self) -> bool:
        # postmaster.pid says "ready" once recovery is over; asking there puts no failed login into the log.
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, UnicodeDecodeError):
            return False
        assert self.process is not None  # noqa: S101
        return len(lines) > 7 and lines[7].strip() == "ready" and lines[0].strip() == str(self.process.pid)

    def _last_words(self, written: int) -> str:
        path = self.directory / "logs" / f"{self.name}.log"
        with path.open("rb") as file:
            file.seek(written)
            lines = file.read().decode("utf-8", "replace").splitlines()
        fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        return (fatal or lines or ["no answer"])[-1].strip()

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.launch.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_messages": "warning",
            "password_encryption": "scram-sha-256",
            "fsync": "on" if self.is_durable else "off",
            "synchronous_commit": "on" if self.is_durable else "off",
            "full_page_writes": "on" if self.is_durable else "off",
            # Its workers belong to the superuser, so who drops a database could not end them.
            "autovacuum": "on" if self.is_durable else "off",
        }
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _initialise(self) -> None:
        password_file = self.launch.home / f".initdb-{secrets.token_hex(4)}"
        # A cluster is made beside its place and renamed: a start that was interrupted leaves no half of one.
        unfinished = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        write_private(password_file, secret(self.directory, "postgres-superuser") + "\n")
        try:
            self.launch.own(password_file)
            result = subprocess.run(
                self.launch.command(
                    self.binary.path.with_name("initdb"),
                    f"--pgdata={unfinished}",
                    f"--username={_SUPERUSER}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    *self._locale(),
                    # One sync of everything, below, is quicker than initdb's own pass over each file.
                    "--no-sync",
                    "--no-instructions",
                ),
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "LC_ALL": "C", "LC_MESSAGES": "C"},
                **self.launch.popen,
            )
        finally:
            password_file.unlink(missing_ok=True)
        if result.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            errors = [line for line in result.stderr.splitlines() if "error:" in line or "FATAL" in line]
            reason = (errors or result.stderr.strip().splitlines() or ["no message"])[-1]
            raise ServiceUnavailableError(f"Postgres could not make its data directory: {reason.strip()}")
        os.sync()
        unfinished.rename(self.data)

    def _locale(self) -> tuple[str, ...]:
        if self.binary.major >= 17:
            return ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        return ("--locale=C.UTF-8",)

    def _forget_stale_pid(self) -> None:
        """Remove the pid file of a killed server whose pid now belongs to some other program."""
        path = self.data / "postmaster.pid"
        try:
            pid = int(path.read_text(encoding="utf-8").splitlines()[0])
            words = psutil.Process(pid).cmdline()
        except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            return
        except psutil.AccessDenied:
            words = []
        if str(self.data) not in words:
            path.unlink()

    def _superuser(self) -> dict[str, Any]:
        return {
            "host": str(self.launch.sockets),
            "user": _SUPERUSER,
            "password": secret(self.directory, "postgres-superuser"),
            "dbname": "postgres",
        }

    def _ensure_role(self) -> None:
        connection = psycopg2.connect(**self._superuser())
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is not None:
                    return
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,))
                role = sql.Identifier(ROLE)
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(role))
                # libpq hashes the password on our side: the server's log never sees it.
                hashed = psycopg2.extensions.encrypt_password(
                    secret(self.directory, "postgres"), ROLE, connection, "scram-sha-256"
                )
                cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(hashed)))
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), role))
        finally:
            connection.close()
