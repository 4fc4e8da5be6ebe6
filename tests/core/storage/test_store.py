"""Objects in a directory and in a bucket: the same promises."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import requests

from earthgazer_core.domain.progress import Progress
from earthgazer_core.errors import InvalidInputError, NotFoundError, ServiceUnavailableError, StorageError
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import ObjectHead, ObjectStorage, StoredObject, download, sha256_of
from earthgazer_core.storage import backup as backup_of
from tests.core.storage.web_server import LOOPBACK, Answer, Cut, WebServer

SMALL = os.urandom(50_000)
LARGE = os.urandom(20_000_000)
backup = partial(backup_of, hosts=LOOPBACK)


@pytest.fixture(params=["file", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStorage:
    if request.param == "file":
        settings: StorageSettings = request.getfixturevalue("storage_settings")
        return ObjectStorage((tmp_path / "kept").as_uri(), settings)
    settings = request.getfixturevalue("s3_settings")
    return ObjectStorage("s3://gazer/some/prefix", settings)


def settings_of(storage: ObjectStorage) -> StorageSettings:
    return storage._settings


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local.tif"
    path.write_bytes(SMALL)
    return path


def test_what_is_put_comes_back(storage: ObjectStorage, local: Path, tmp_path: Path) -> None:
    stored = storage.put_file(local, "a/b.tif")
    assert stored == StoredObject(storage.uri("a/b.tif"), hashlib.sha256(SMALL).hexdigest(), len(SMALL))
    assert storage.exists("a/b.tif")
    for name, address in (("x", stored.uri), ("y", "a/b.tif")):
        got = storage.get_file(address, tmp_path / "back" / name, sha256=stored.sha256)
        assert got.path.read_bytes() == SMALL
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["x", "y"]


def test_a_large_file_goes_up_in_parts_and_tells_how_far_it_is(
    storage: ObjectStorage, tmp_path: Path
) -> None:
    local = tmp_path / "large"
    local.write_bytes(LARGE)
    reports: list[Progress] = []
    stored = storage.put_file(local, "large.tif", progress=reports.append)
    assert storage.verify(stored.uri, sha256_of(local)) == stored
    assert reports[-1].percent == 100
    assert len({report.done for report in reports}) > 2
    reports.clear()
    storage.get_file("large.tif", tmp_path / "back", progress=reports.append)
    assert (tmp_path / "back").read_bytes() == LARGE
    assert reports[-1].percent == 100


def test_putting_the_same_again_writes_nothing(storage: ObjectStorage, local: Path) -> None:
    first = storage.put_file(local, "a.tif")
    before = written_at(storage)
    assert storage.put_file(local, "a.tif") == first
    assert written_at(storage) == before


def written_at(storage: ObjectStorage) -> object:
    if storage.folder is not None:
        return storage.folder.path("a.tif").stat().st_mtime_ns
    import obstore

    return obstore.head(storage._backend._store, "a.tif")["last_modified"]  # type: ignore[union-attr]


def test_other_bytes_under_a_key_are_replaced(storage: ObjectStorage, local: Path) -> None:
    storage.put_file(local, "a.tif")
    local.write_bytes(SMALL[::-1])
    stored = storage.put_file(local, "a.tif")
    assert storage.verify("a.tif", hashlib.sha256(SMALL[::-1]).hexdigest()) == stored


def test_verify_reads_the_bytes(storage: ObjectStorage, local: Path) -> None:
    storage.put_file(local, "a.tif")
    with pytest.raises(StorageError, match="does not match its checksum"):
        storage.verify("a.tif", "0" * 64)
    with pytest.raises(NotFoundError):
        storage.verify("b.tif", "0" * 64)


def test_what_is_not_there(storage: ObjectStorage, tmp_path: Path) -> None:
    assert not storage.exists("a/b")
    assert storage.head("a") is None
    storage.delete("a/b")
    with pytest.raises(NotFoundError):
        storage.get_file("a/b", tmp_path / "x")
    with pytest.raises(NotFoundError):
        storage.put_file(tmp_path / "missing", "a/b")
    with pytest.raises(NotFoundError):
        storage.known("a/b")
    assert not (tmp_path / "x").exists()


def test_deleted_is_gone(storage: ObjectStorage, local: Path) -> None:
    stored = storage.put_file(local, "a.tif")
    storage.delete(stored.uri)
    assert not storage.exists("a.tif")


def test_addresses_elsewhere_are_refused(storage: ObjectStorage) -> None:
    for address in (
        "file:///etc/passwd",
        "s3://other/x",
        f"{storage.uri('a')}/../../b",
        "../x",
        "/etc/passwd",
    ):
        with pytest.raises(InvalidInputError):
            storage.exists(address)


def test_a_wrong_digest_leaves_no_file(storage: ObjectStorage, local: Path, tmp_path: Path) -> None:
    storage.put_file(local, "a.tif")
    with pytest.raises(StorageError, match="checksum"):
        storage.get_file("a.tif", tmp_path / "back" / "x", sha256="0" * 64)
    assert list((tmp_path / "back").iterdir()) == []


def test_backup_of_a_web_file_and_again(storage: ObjectStorage, web: WebServer) -> None:
    web.files["/b.tif"] = LARGE
    href, settings = f"{web.url}/b.tif", settings_of(storage)
    digest = hashlib.sha256(LARGE).hexdigest()
    stored = backup(href, storage, "c/b.tif", settings=settings, expected_sha256=digest)
    assert storage.verify("c/b.tif", digest) == stored
    assert storage.known("c/b.tif") == stored
    asked = len(web.requests)
    assert backup(href, storage, "c/b.tif", settings=settings, expected_sha256=digest) == stored
    assert len(web.requests) == asked
    assert backup(href, storage, "c/b.tif", settings=settings) == stored
    assert not any((settings.data_path / "spool").glob("*")) if settings.data_path.exists() else True


def test_backup_is_taken_up_by_a_later_call(storage: ObjectStorage, web: WebServer) -> None:
    web.files["/b.tif"] = LARGE
    web.next_answers.extend([Cut(15_000_000), Answer(503)])
    href, settings = f"{web.url}/b.tif", settings_of(storage)
    with pytest.raises(Exception, match="503"):
        backup(href, storage, "c/b.tif", settings=settings)
    assert not storage.exists("c/b.tif")
    backup(href, storage, "c/b.tif", settings=settings)
    assert web.requests[-1].headers["Range"] == "bytes=15000000-"
    storage.verify("c/b.tif", hashlib.sha256(LARGE).hexdigest())


def test_backup_of_wrong_bytes_keeps_nothing(storage: ObjectStorage, web: WebServer) -> None:
    web.files["/b.tif"] = SMALL
    with pytest.raises(StorageError, match="checksum"):
        backup(f"{web.url}/b.tif", storage, "b.tif", settings=settings_of(storage), expected_sha256="0" * 64)
    assert not storage.exists("b.tif")


def test_links_are_not_followed_out_of_the_root(
    tmp_path: Path, local: Path, storage_settings: StorageSettings
) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "door").symlink_to(outside)
    (root / "secret").symlink_to(outside / "secret")
    storage = ObjectStorage(root.as_uri(), storage_settings)
    for key in ("door/secret", "secret", "door/new"):
        with pytest.raises(StorageError, match="symbolic link"):
            storage.get_file(key, tmp_path / "x")
        with pytest.raises(StorageError, match="symbolic link"):
            storage.put_file(local, key)
    assert (outside / "secret").read_bytes() == b"secret"


def test_a_root_has_to_be_a_place(storage_settings: StorageSettings) -> None:
    for root in ("", "/srv/x", "http://x/y", "file://host/x"):
        with pytest.raises(InvalidInputError):
            ObjectStorage(root, storage_settings)


def test_objects_of_others_are_read_to_know_their_digest(
    s3_settings: StorageSettings, tmp_path: Path
) -> None:
    requests.put(f"{s3_settings.s3_endpoint}/gazer/theirs.tif", data=SMALL, timeout=5).raise_for_status()
    storage = ObjectStorage("s3://gazer", s3_settings)
    assert storage.head("theirs.tif") == ObjectHead(len(SMALL), None)
    assert storage.known("theirs.tif").sha256 == hashlib.sha256(SMALL).hexdigest()
    got = download("s3://gazer/theirs.tif", tmp_path / "x.tif", settings=s3_settings, hosts=Hosts(("gazer",)))
    assert got.path.read_bytes() == SMALL


def test_messages_of_a_bucket_hold_no_key(s3_settings: StorageSettings, local: Path) -> None:
    with pytest.raises(NotFoundError, match="no such bucket") as caught:
        ObjectStorage("s3://nobody-has-this", s3_settings).put_file(local, "a")
    assert "hidden" not in str(caught.value)
    away = s3_settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    with pytest.raises(ServiceUnavailableError, match="can't be reached now") as unreachable:
        ObjectStorage("s3://gazer", away).put_file(local, "a")
    assert "hidden" not in str(unreachable.value)
    assert "\n" not in str(unreachable.value)


def test_nothing_of_the_settings_is_printed(s3_settings: StorageSettings) -> None:
    assert "hidden" not in repr(s3_settings)


def test_importing_storage_leaves_obstore_s_threads_to_those_who_use_a_bucket() -> None:
    code = (
        "import threading, os, earthgazer_core.storage, earthgazer_core.storage.transfer;"
        "print(len(os.listdir('/proc/self/task')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_a_bucket_used_before_a_fork_is_refused_rather_than_waited_for(s3_settings: StorageSettings) -> None:
    script = """
import os, sys
from pathlib import Path
from earthgazer_core.errors import RefusedError
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import ObjectStorage
settings = StorageSettings(
    data_path=Path("/nowhere"), s3_endpoint=sys.argv[1], s3_region="us-east-1",
    s3_access_key_id="a", s3_secret_access_key="b",
)
storage = ObjectStorage("s3://gazer", settings)
assert not storage.exists("x")
child = os.fork()
if child == 0:
    try:
        storage.exists("x")
    except RefusedError:
        os._exit(7)
    os._exit(1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(s3_settings.s3_endpoint)],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert done.stdout.strip() == "7"
