"""A database that goes silent in the middle of an answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url

from earthgazer_core.db.patience import limit_silence, patience
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.settings import DatabaseSettings
from tests.campaigns.faulty_proxy import FaultyProxy

DEADLINE_S = 40.0


@pytest.fixture
def proxy(database_url: str) -> Iterator[FaultyProxy]:
    def connect() -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(Path(str(make_url(database_url).query["host"])) / ".s.PGSQL.5432"))
        return link

    with FaultyProxy(connect) as proxy:
        yield proxy


@pytest.fixture
def database(database_url: str, proxy: FaultyProxy) -> Iterator[Database]:
    url = make_url(database_url).set(host="127.0.0.1", port=proxy.port, query={})
    settings = DatabaseSettings(url=SecretStr(url.render_as_string(hide_password=False)), connect_timeout_s=2)
    engine = make_engine(settings)
    limit_silence(engine)
    yield Database(engine)
    engine.dispose()


@pytest.mark.parametrize("way", ["both", "down"])
def test_a_kept_connection_that_is_answered_nothing_ends_and_a_new_one_serves(
    database: Database, proxy: FaultyProxy, way: Literal["both", "down"]
) -> None:
    with database.session() as session:
        session.execute(text("select 1"))
    proxy.swallow(way)
    began = time.monotonic()
    with pytest.raises(ServiceUnavailableError), patience(0.5), database.session() as session:
        session.execute(text("select 1"))
    assert time.monotonic() - began < DEADLINE_S
    proxy.heal()
    with database.session() as session:
        assert session.scalar(text("select 1")) == 1


def test_a_commit_that_is_answered_nothing_ends_too(database: Database, proxy: FaultyProxy) -> None:
    def commit_into_silence() -> None:
        with patience(0.5), database.session() as session:
            session.execute(text("create table lost (n int)"))
            proxy.swallow("both")

    with pytest.raises(ServiceUnavailableError):
        commit_into_silence()


def test_what_takes_long_within_its_patience_is_waited_for(database: Database) -> None:
    with patience(20), database.session() as session:
        assert session.scalar(text("select 1 from pg_sleep(1)")) == 1
