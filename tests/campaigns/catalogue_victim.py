"""What the product does with a catalogue's answers and addresses, as calls that a child can be asked for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from earthgazer_core.catalog import open_catalog
from earthgazer_core.db.repositories import captures
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.domain.bbox import BBox
from earthgazer_core.domain.capture import Capture
from earthgazer_core.errors import EarthGazerError
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import CatalogSettings, DatabaseSettings, StorageSettings
from earthgazer_core.storage import ObjectStorage, backup, download, safe_key
from earthgazer_core.tasks.files import capture_of_files
from earthgazer_core.tasks.inputs import radiometry_of
from earthgazer_core.tasks.keys import folder_name
from earthgazer_core.tasks.local_copies import suffix_of

WORLD = BBox(-180, -90, 180, 90)
"""Where everything is looked for."""
DATABASE = "EARTHGAZER_CAMPAIGN_DATABASE"
"""Variable that tells where captures are kept; they aren't where it is unset."""
ENOUGH_S = 0.5
"""Patience with a server; a whole answer may take some times as long."""


def prepare() -> None:
    """Load what is loaded at the first use, before memory gets scarce."""
    import obstore.store  # noqa: F401
    import pystac_client  # noqa: F401

    name = os.environ.get("EARTHGAZER_CAMPAIGN_NAME")
    if name:
        _pretend(name)


def use(way: str, *arguments: Any) -> str:
    """Do one of the things below.

    Raises:
        EarthGazerError: it is refused.
    """
    ways: dict[str, Callable[..., str]] = {
        "search": _search,
        "download": _download,
        "backup": _backup,
        "bucket": _bucket,
        "add": _add,
        "put": _put,
    }
    return ways[way](*arguments)


def _search(kind: str, url: str) -> str:
    settings = CatalogSettings.model_validate(
        {"kind": kind, "url": url, "timeout_s": ENOUGH_S, "collections": ()}
    )
    found = list(open_catalog(settings, Path("/nonexistent")).search(WORLD, None, None))
    for capture in found:
        _judge(capture)
    database = _database()
    if database is not None:
        with database.session() as session:
            for capture in found:
                captures.upsert(session, capture)
    return f"{len(found)} captures"


def _judge(capture: Capture) -> None:
    """See that nothing of a capture leads out of where it belongs."""
    for asset in capture.assets:
        key = safe_key(
            capture.mission, folder_name(capture.product_id), f"{asset.band}{suffix_of(asset.href)}"
        )
        assert ".." not in key.split("/")
        assert asset.href.isprintable()
        try:
            radiometry_of(capture, asset)
        except EarthGazerError:
            continue


@cache
def _database() -> Database | None:
    url = os.environ.get(DATABASE)
    return Database(make_engine(DatabaseSettings(url=SecretStr(url)))) if url else None


def _download(href: str, target: str, named: Sequence[str] = ("*",), most_bytes: int = 1 << 20) -> str:
    settings = StorageSettings(
        data_path=Path(target).parent, timeout_s=ENOUGH_S, max_file_bytes=most_bytes,
    )  # fmt: skip
    try:
        return str(download(href, Path(target), settings=settings, hosts=Hosts(tuple(named))).size_bytes)
    finally:
        Path(target).unlink(missing_ok=True)


def _bucket(href: str, target: str, endpoint: str, named: Sequence[str]) -> str:
    """Fetch from a bucket, with keys in hand and the will to pay."""
    settings = StorageSettings(
        data_path=Path(target).parent, timeout_s=ENOUGH_S, s3_endpoint=endpoint, s3_region="us-east-1",
        s3_access_key_id=SecretStr("OURKEY"), s3_secret_access_key=SecretStr("secret"),
        s3_requester_pays=True,
    )  # fmt: skip
    return str(download(href, Path(target), settings=settings, hosts=Hosts(tuple(named))).size_bytes)


def _backup(href: str, root: str, key: str, named: Sequence[str]) -> str:
    settings = StorageSettings(data_path=Path(root), timeout_s=ENOUGH_S)
    store = ObjectStorage(Path(root).as_uri(), settings)
    return str(backup(href, store, key, settings=settings, hosts=Hosts(tuple(named))).size_bytes)


def _put(local: str, root: str, key: str) -> str:
    settings = StorageSettings(data_path=Path(root))
    return str(ObjectStorage(Path(root).as_uri(), settings).put_file(Path(local), key).size_bytes)


def _add(mission: str, band: str, path: str, product_id: str) -> str:
    from datetime import UTC, datetime

    when = datetime(2020, 1, 1, tzinfo=UTC)
    capture = capture_of_files(mission, when, [(band, Path(path))], product_id=product_id, baseline="02.14")
    _judge(capture)
    return capture.product_id


def _pretend(name: str) -> None:
    """Let a name stand for a public address at its first look-up and for this machine at every later one."""
    honest = socket.getaddrinfo
    looked_up = [0]

    def lying(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != name:
            return honest(host, port, *args, **kwargs)
        looked_up[0] += 1
        # Public by its looks, and never answered within the patience that there is.
        address = "198.51.101.1" if looked_up[0] % 2 else "127.0.0.1"
        return honest(address, port, *args, **kwargs)

    socket.getaddrinfo = lying
