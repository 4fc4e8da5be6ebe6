"""A broker and a database of a campaign's own, in a directory that goes with it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from pydantic import SecretStr
from sqlalchemy import create_engine

from earthgazer_core.db.migrations import upgrade
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.settings import DatabaseSettings
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer


@dataclass(frozen=True)
class CampaignServices:
    """Where they are."""

    directory: Path
    """For whatever the campaign writes."""
    valkey: ValkeyServer
    postgres: PostgresServer
    database: Database

    @property
    def client(self) -> redis.Redis:
        """A client of the broker."""
        return redis.Redis.from_url(self.valkey.redis_py_url)

    def env(self, *, with_database: bool = True) -> dict[str, str]:
        """Return the environment of an operator's shell that is configured for them."""
        keep: Mapping[str, str] = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("EARTHGAZER", "XDG_")) and name not in ("COLUMNS", "LINES")
        }
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        env = {
            **keep, "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8",
            "EARTHGAZER__CELERY__BROKER_URL": self.valkey.url,
            "EARTHGAZER__STORAGE__DATA_PATH": str(self.directory / "data"),
        }  # fmt: skip
        if with_database:
            env["EARTHGAZER__DATABASE__URL"] = self.postgres.url
        return env

    @staticmethod
    def console(*options: str) -> list[str]:
        """Return the command line of a console."""
        return [sys.executable, "-m", "earthgazer_tui", *options]

    @staticmethod
    def command(*words: str) -> list[str]:
        """Return a command line of ``earthgazer``."""
        return [sys.executable, "-m", "earthgazer_core.cli", *words]


@contextmanager
def campaign_services() -> Iterator[CampaignServices]:
    """Yield running servers with an empty schema; nothing is left of them."""
    with tempfile.TemporaryDirectory(prefix="eg-c-", dir="/tmp") as scratch:
        directory = Path(scratch)
        valkey = ValkeyServer(directory / "s", dies_with_parent=True)
        postgres = PostgresServer(directory / "s", is_durable=False, dies_with_parent=True)
        (directory / "s").mkdir(mode=0o700)
        valkey.start()
        try:
            postgres.start()
            engine = create_engine(postgres.url)
            upgrade(engine)
            engine.dispose()
            database = Database(make_engine(DatabaseSettings(url=SecretStr(postgres.url))))
            try:
                yield CampaignServices(directory, valkey, postgres, database)
            finally:
                database.dispose()
        finally:
            postgres.stop()
            valkey.stop()
