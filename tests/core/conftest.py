"""The pipeline that tests of tasks, workflows and the command line share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from earthgazer_core.settings import CelerySettings, DatabaseSettings, EarthGazerSettings, StorageSettings
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.core.pipeline import Pipeline


@pytest.fixture(scope="session")
def pipeline(
    postgres: PostgresServer, _migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """A running worker with a broker, a database and directories that last for the session."""
    directory = tmp_path_factory.mktemp("pipeline")
    broker = ValkeyServer(directory / "valkey", dies_with_parent=True)
    broker.start()
    name = "pipeline"
    admin = create_engine(make_url(postgres.url_of("postgres")), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {_migrated_template}"))
    running = Pipeline(
        EarthGazerSettings(
            _env_file=None,  # type: ignore[call-arg]
            database=DatabaseSettings(url=postgres.url_of(name)),  # type: ignore[arg-type]
            celery=CelerySettings(broker_url=broker.url_of(0), retry_backoff_s=0.2),  # type: ignore[arg-type]
            storage=StorageSettings(data_path=directory / "data"),
        ),
        directory / "work",
    )
    try:
        running.start()
        yield running
    finally:
        running.stop()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        admin.dispose()
        broker.stop()
