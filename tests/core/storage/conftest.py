"""Servers that bytes come from and go to."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from earthgazer_core.settings import StorageSettings
from tests.core.storage.web_server import WebServer


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server on loopback."""
    server = WebServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def storage_settings(tmp_path: Path) -> StorageSettings:
    """Storage below a temporary directory, with short waits."""
    return StorageSettings(data_path=tmp_path / "data", timeout_s=2)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A server that speaks the S3 protocol."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_settings(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StorageSettings:
    """Settings for that server, with an empty bucket ``gazer``."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    requests.post(f"{s3_endpoint}/moto-api/reset", timeout=5).raise_for_status()
    requests.put(f"{s3_endpoint}/gazer", timeout=5).raise_for_status()
    return StorageSettings(
        data_path=tmp_path / "data", s3_endpoint=s3_endpoint, s3_region="us-east-1",
        s3_access_key_id=SecretStr("gazer"), s3_secret_access_key=SecretStr("hidden-from-messages"),
        timeout_s=5,
    )  # fmt: skip
