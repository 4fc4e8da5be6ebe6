"""Our keys go to the buckets that the operator named: never to one on the word of a catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from earthgazer_core.errors import StorageError
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import download
from tests.core.storage.web_server import Answer, Request, WebServer

KEY = "AKIAOURSALONE"
BYTES = b"a band" * 100
_HEAD = {"ETag": '"1"', "Last-Modified": "Wed, 01 Jan 2020 00:00:00 GMT"}


@pytest.fixture
def paying(web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StorageSettings:
    """Settings that hold keys and agree to pay, in an environment that does so too."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", "hidden"), ("AWS_SESSION_TOKEN", "hidden-too"),
        ("AWS_REQUEST_PAYER", "true"), ("AWS_SKIP_SIGNATURE", "false"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    return StorageSettings(
        data_path=tmp_path / "data", s3_endpoint=web.url, s3_region="us-east-1",
        s3_access_key_id=SecretStr(KEY), s3_secret_access_key=SecretStr("hidden"), s3_requester_pays=True,
        timeout_s=5,
    )  # fmt: skip


def serve(web: WebServer, bucket: str) -> str:
    """Let a stand-in of S3 serve a band."""

    def answer(request: Request) -> Answer:
        if request.method == "HEAD":
            return Answer(200, _HEAD, BYTES)
        span = {"Content-Range": f"bytes 0-{len(BYTES) - 1}/{len(BYTES)}"}
        return Answer(206, {**_HEAD, **span}, BYTES)

    web.routes[f"/{bucket}/band.tif"] = answer
    return f"s3://{bucket}/band.tif"


def told(web: WebServer) -> str:
    """Return all that the server was told."""
    assert web.requests
    return "\n".join(
        f"{name.lower()}: {value}" for request in web.requests for name, value in request.headers.items()
    )


@pytest.mark.parametrize("with_settings", [True, False])
def test_a_bucket_of_nobodys_choice_is_asked_without_keys_and_at_its_own_cost(
    web: WebServer, paying: StorageSettings, tmp_path: Path, with_settings: bool
) -> None:
    settings = paying
    if not with_settings:
        settings = paying.model_copy(update={"s3_access_key_id": None, "s3_secret_access_key": None})
    got = download(serve(web, "anybodys"), tmp_path / "b.tif", settings=settings)
    assert got.path.read_bytes() == BYTES
    assert KEY not in told(web)
    for header in ("authorization", "x-amz-security-token", "x-amz-request-payer"):
        assert header not in told(web)


def test_a_bucket_that_is_named_is_asked_with_keys(
    web: WebServer, paying: StorageSettings, tmp_path: Path
) -> None:
    download(serve(web, "ours"), tmp_path / "b.tif", settings=paying, hosts=Hosts(("*", "ours")))
    assert f"authorization: AWS4-HMAC-SHA256 Credential={KEY}" in told(web)
    assert "x-amz-request-payer: requester" in told(web)


def test_one_that_wants_keys_says_how_to_lend_them(
    web: WebServer, paying: StorageSettings, tmp_path: Path
) -> None:
    web.routes["/private/band.tif"] = lambda _: Answer(403)
    with pytest.raises(StorageError, match="name the bucket in EARTHGAZER__CATALOG__HOSTS"):
        download("s3://private/band.tif", tmp_path / "b.tif", settings=paying)
    with pytest.raises(StorageError, match="check EARTHGAZER__STORAGE__S3_ACCESS_KEY_ID"):
        download("s3://private/band.tif", tmp_path / "b.tif", settings=paying, hosts=Hosts(("private",)))
    assert web.requests[0].headers.get("Authorization") is None
