"""The foreign app with fresh services, as the recorder has it, and a way to the broker that can fail."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from celery import Celery

from tests.campaigns.faulty_proxy import FaultyProxy
from tests.core.recorder.conftest import _no_recorder_of_others, fleet

__all__ = ["_no_recorder_of_others", "fleet"]


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
