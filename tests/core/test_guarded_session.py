"""Connections are made to allowed hosts alone, and answers end."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from earthgazer_core.errors import CatalogError, RefusedError, RemoteUnavailableError
from earthgazer_core.guarded_session import document_of, guarded_session
from earthgazer_core.hosts import Hosts
from tests.core.storage.web_server import LOOPBACK, Answer, WebServer


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    server.start()
    yield server
    server.stop()


def test_nothing_is_asked_of_a_host_that_is_not_allowed(web: WebServer) -> None:
    with guarded_session(Hosts()) as session:
        for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
            with pytest.raises(RefusedError):
                session.get(web.url.replace("127.0.0.1", host), timeout=5)
    assert web.requests == []


def test_a_name_that_stands_for_this_machine_is_refused_where_it_is_connected_to(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        return honest("127.0.0.1" if host == "innocent.example" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with guarded_session(Hosts()) as session, pytest.raises(RefusedError, match=r"innocent\.example lies in"):
        session.get(web.url.replace("127.0.0.1", "innocent.example"), timeout=5)
    assert web.requests == []


def test_each_redirect_is_judged(web: WebServer) -> None:
    elsewhere = WebServer()
    elsewhere.start()
    try:
        web.routes["/a"] = lambda _: Answer(302, {"Location": f"{elsewhere.url}/x"})
        own = Hosts().trusting(web.url)
        with guarded_session(own) as session, pytest.raises(RefusedError):
            session.get(f"{web.url}/a", timeout=5)
        assert [request.path for request in web.requests] == ["/a"]
        assert elsewhere.requests == []
    finally:
        elsewhere.stop()


def test_a_name_that_is_not_known_is_an_error_of_the_connection() -> None:
    with guarded_session(Hosts()) as session, pytest.raises(requests.exceptions.ConnectionError):
        session.get("http://name.invalid/x", timeout=5)


def test_a_document_ends_at_its_limit_however_small_it_came(web: WebServer) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    web.routes["/bomb"] = lambda _: Answer(200, {"Content-Encoding": "gzip"}, packed)
    web.files["/good"] = b"x" * 200_000
    with guarded_session(LOOPBACK) as session:
        with (
            session.get(f"{web.url}/bomb", stream=True, timeout=5) as response,
            pytest.raises(CatalogError, match="too large"),
        ):
            document_of(response, most_bytes=1_000_000, seconds=60)
        with session.get(f"{web.url}/good", stream=True, timeout=5) as response:
            assert document_of(response, most_bytes=200_000, seconds=60) == b"x" * 200_000


def test_a_document_that_never_comes_to_its_end_is_left(web: WebServer) -> None:
    web.files["/slow"] = b"x" * 1000
    web.hold()
    with (
        guarded_session(LOOPBACK) as session,
        session.get(f"{web.url}/slow", stream=True, timeout=0.3) as response,
        pytest.raises(RemoteUnavailableError),
    ):
        document_of(response, most_bytes=10_000, seconds=60)
    web.release()
