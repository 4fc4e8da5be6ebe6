"""A web server that answers as recorded STAC APIs did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.core.storage.web_server import WebServer


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server on loopback."""
    server = WebServer()
    server.start()
    yield server
    server.stop()
