"""Fixtures that many tests share: real servers, fresh databases, test data."""

from __future__ import annotations

import itertools
import os
import secrets
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg2
import pytest
import redis
from psycopg2 import sql
from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import make_url

from earthgazer_core.db.migrations import upgrade
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.settings import CelerySettings, DatabaseSettings, EarthGazerSettings, StorageSettings
from earthgazer_core.stack.postgres import DATABASE, PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.rabbitmq import RabbitServer, shared_server, why_absent

_REPOSITORY = Path(__file__).resolve().parent.parent
_TEMPLATE = "earthgazer_template"
_numbers = itertools.count()


def pytest_configure() -> None:
    """Let a run that is ended from outside stop what it started, as one that is interrupted does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Directory of real imagery: EARTHGAZER_TEST_DATA, or ``../shared/data`` beside the repository."""
    path = Path(os.environ.get("EARTHGAZER_TEST_DATA") or _REPOSITORY.parent / "shared" / "data")
    if not (path / "expected.json").is_file():
        pytest.skip(f"no test data in {path}: set EARTHGAZER_TEST_DATA")
    return path


@pytest.fixture(autouse=True)
def _isolated_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the caller's EARTHGAZER__ variables out of the tests, and the tests out of their audit file."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
    for name in [name for name in os.environ if name.startswith("EARTHGAZER__")]:
        monkeypatch.delenv(name)


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory with a path short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="eg-", dir="/tmp") as path:
        yield Path(path)


@pytest.fixture(scope="session")
def _server_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eg-servers-", dir="/tmp") as path:
        yield Path(path)


@pytest.fixture(scope="session")
def valkey(_server_directory: Path) -> Iterator[ValkeyServer]:
    """A running broker, shared by the session."""
    server = ValkeyServer(_server_directory, dies_with_parent=True, databases=4096)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def broker_url(valkey: ValkeyServer) -> Iterator[str]:
    """A fresh logical database as a URL for Celery (``redis+socket://:password@/path?virtual_host=n``).

    redis-py spells it ``unix://``: take the fixture ``redis_client``, or ``redis_py_url(broker_url)``.
    """
    url = fresh_broker(valkey)
    yield url
    with redis.Redis.from_url(redis_py_url(url)) as client:
        client.flushdb()


@pytest.fixture
def redis_client(broker_url: str) -> Iterator[redis.Redis]:
    """A redis-py client of the database that ``broker_url`` names; answers are bytes."""
    with redis.Redis.from_url(redis_py_url(broker_url)) as client:
        yield client


def fresh_broker(valkey: ValkeyServer) -> str:
    """Return the URL of a logical database that no test has used.

    kombu's pools remember what was declared at a URL, also after its database was emptied.
    """
    return valkey.url_of(next(_numbers))


def redis_py_url(broker_url: str) -> str:
    """Return a Celery broker URL in the spelling of redis-py."""
    parts = urlsplit(broker_url)
    if parts.scheme not in ("redis+socket", "socket"):
        return broker_url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0]
    return f"unix://{parts.netloc}{parts.path}?db={database}"


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """A running RabbitMQ, shared by all test processes; skips where Debian's package isn't installed."""
    reason = why_absent()
    if reason:
        pytest.skip(reason)
    root = tmp_path_factory.getbasetemp()
    is_one_of_many = "PYTEST_XDIST_WORKER" in os.environ
    with shared_server((root.parent if is_one_of_many else root) / "rabbitmq") as server:
        yield server


@pytest.fixture
def rabbitmq_url(rabbitmq: RabbitServer) -> Iterator[str]:
    """A fresh virtual host as a URL for Celery (``amqp://…``)."""
    name = f"test-{secrets.token_hex(6)}"
    yield rabbitmq.add_virtual_host(name)
    rabbitmq.remove_virtual_host(name)


@pytest.fixture(scope="session")
def postgres(_server_directory: Path) -> Iterator[PostgresServer]:
    """A running database server, shared by the session; quick rather than durable."""
    server = PostgresServer(_server_directory, is_durable=False, dies_with_parent=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """A fresh, empty database as an SQLAlchemy URL."""
    yield from _fresh_database(postgres, "template0")


@pytest.fixture(scope="session")
def _migrated_template(postgres: PostgresServer) -> str:
    _execute(postgres, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(_TEMPLATE)))
    engine = create_engine(postgres.url_of(_TEMPLATE), poolclass=NullPool)
    upgrade(engine)
    engine.dispose()
    return _TEMPLATE


@pytest.fixture
def migrated_database_url(postgres: PostgresServer, _migrated_template: str) -> Iterator[str]:
    """A fresh database with the whole schema as an SQLAlchemy URL."""
    yield from _fresh_database(postgres, _migrated_template)


@pytest.fixture
def database(migrated_database_url: str) -> Iterator[Database]:
    """A fresh database with the whole schema."""
    database = Database(make_engine(DatabaseSettings(url=migrated_database_url)))  # type: ignore[arg-type]
    yield database
    database.dispose()


@pytest.fixture
def settings(broker_url: str, migrated_database_url: str, tmp_path: Path) -> EarthGazerSettings:
    """Settings that point at the fresh broker and database, and keep files under ``tmp_path``."""
    return EarthGazerSettings(
        _env_file=None,  # type: ignore[call-arg]
        database=DatabaseSettings(url=migrated_database_url),  # type: ignore[arg-type]
        celery=CelerySettings(broker_url=broker_url),  # type: ignore[arg-type]
        storage=StorageSettings(data_path=tmp_path / "data"),
    )


def _fresh_database(postgres: PostgresServer, template: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    _execute(
        postgres,
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)),
    )
    yield postgres.url_of(name)
    _execute(postgres, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(postgres: PostgresServer, statement: sql.Composable) -> None:
    url = make_url(postgres.url_of(DATABASE))
    connection = psycopg2.connect(
        host=url.query["host"], user=url.username, password=url.password, dbname=url.database
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
