"""The foreign app with fresh services, as the recorder has it, and a way to the broker that can fail."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from celery import Celery

from earthgazer_core.db.session import Database
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.resume import Resumer
from tests.campaigns.faulty_proxy import FaultyProxy
from tests.core.operations.amqp_fleet import AmqpFleet, amqp_fleet
from tests.core.recorder.conftest import _no_recorder_of_others, fleet
from tests.core.recorder.fleet import ForeignFleet
from tests.core.recorder.foreign_app import ForeignConfig

__all__ = ["_no_recorder_of_others", "fleet"]


@pytest.fixture
def mailbox(fleet: ForeignFleet) -> Iterator[Mailbox]:
    with closing(Mailbox(fleet.app)) as mailbox:
        yield mailbox


@pytest.fixture
def resumer(fleet: ForeignFleet) -> Resumer:
    return Resumer(fleet.database, fleet.app, encryption_key=fleet.config.encryption_key)


@pytest.fixture
def rabbit_fleet(
    rabbitmq_url: str, broker_url: str, migrated_database_url: str, database: Database, tmp_path: Path
) -> Iterator[AmqpFleet]:
    """The foreign app with RabbitMQ as its broker and Redis for its results."""
    config = ForeignConfig(rabbitmq_url, migrated_database_url, tmp_path, result_url=broker_url)
    with amqp_fleet(config, database) as fleet:
        yield fleet


@pytest.fixture
def proxy(broker_url: str) -> Iterator[FaultyProxy]:
    def connect() -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.connect(urlsplit(broker_url).path)
        return link

    with FaultyProxy(connect) as proxy:
        yield proxy


@pytest.fixture
def proxied_url(broker_url: str, proxy: FaultyProxy) -> str:
    """The broker's URL through the proxy."""
    parts = urlsplit(broker_url)
    database = parse_qs(parts.query)["virtual_host"][0]
    return f"redis://:{parts.password}@127.0.0.1:{proxy.port}/{database}"


@pytest.fixture
def operator(broker_url: str, proxied_url: str) -> Iterator[Celery]:
    """An operator's app, whose messages go through the proxy; results it reads directly."""
    app = Celery("operator", broker=proxied_url, backend=broker_url, set_as_current=False)
    app.conf.broker_transport_options = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
    yield app
    # Results that outlive their server would unsubscribe from it when they are collected.
    consumer: Any = app.backend.result_consumer  # type: ignore[attr-defined]
    consumer.stop()
    consumer.subscribed_to.clear()
    app.close()
