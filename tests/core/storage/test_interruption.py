"""What is left when a copy is killed or the disk is full: never something that looks whole."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from earthgazer_core.errors import StorageError
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import ObjectStorage, backup, download
from tests.core.storage.web_server import LOOPBACK, WebServer

BYTES = os.urandom(8_000_000)
_DOWNLOAD = """
import sys
from pathlib import Path
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import download
settings = StorageSettings(data_path=Path(sys.argv[2]).parent)
download(sys.argv[1], Path(sys.argv[2]), settings=settings, hosts=Hosts(("127.0.0.1",)))
"""
_BACKUP = """
import sys
from pathlib import Path
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import ObjectStorage, backup
settings = StorageSettings(data_path=Path(sys.argv[2]).parent)
store = ObjectStorage(Path(sys.argv[2]).parent.as_uri(), settings)
backup(sys.argv[1], store, Path(sys.argv[2]).name, settings=settings, hosts=Hosts(("127.0.0.1",)))
"""


@pytest.mark.parametrize("script", [_DOWNLOAD, _BACKUP], ids=["download", "backup"])
def test_a_killed_copy_leaves_a_part_that_the_next_run_takes_up(
    script: str, web: WebServer, tmp_path: Path
) -> None:
    web.files["/b.tif"] = BYTES
    target, part = tmp_path / "b.tif", tmp_path / ".b.tif.part"
    web.hold()
    copying = subprocess.Popen([sys.executable, "-c", script, f"{web.url}/b.tif", str(target)])
    try:
        deadline = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size >= 3_000_000):
            assert copying.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        copying.send_signal(signal.SIGKILL)
        copying.wait()
    came = part.stat().st_size
    assert not target.exists()
    web.release()
    settings = StorageSettings(data_path=tmp_path)
    if script is _DOWNLOAD:
        sha256 = download(f"{web.url}/b.tif", target, settings=settings, hosts=LOOPBACK).sha256
    else:
        store = ObjectStorage(tmp_path.as_uri(), settings)
        sha256 = backup(f"{web.url}/b.tif", store, "b.tif", settings=settings, hosts=LOOPBACK).sha256
    assert sha256 == hashlib.sha256(BYTES).hexdigest()
    assert web.requests[-1].headers["Range"] == f"bytes={came}-"
    assert [path.name for path in tmp_path.iterdir()] == ["b.tif"]


def test_a_killed_upload_is_no_object(s3_settings: StorageSettings, tmp_path: Path) -> None:
    local = tmp_path / "large"
    local.write_bytes(BYTES * 4)
    script = """
import os, sys
from pathlib import Path
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage import ObjectStorage
def die(progress):
    if progress.done > 10_000_000:
        os.kill(os.getpid(), 9)
settings = StorageSettings(
    data_path=Path("/nowhere"), s3_endpoint=sys.argv[2], s3_region="us-east-1",
    s3_access_key_id="a", s3_secret_access_key="b",
)
ObjectStorage("s3://gazer", settings).put_file(Path(sys.argv[1]), "x.tif", progress=die)
"""
    died = subprocess.run(
        [sys.executable, "-c", script, str(local), str(s3_settings.s3_endpoint)], check=False
    )
    assert died.returncode == -signal.SIGKILL
    storage = ObjectStorage("s3://gazer", s3_settings)
    assert not storage.exists("x.tif")
    storage.put_file(local, "x.tif")
    storage.verify("x.tif", hashlib.sha256(BYTES * 4).hexdigest())


def test_a_full_disk_is_told_and_given_its_space_back(web: WebServer, tmp_path: Path) -> None:
    web.files["/b.tif"] = BYTES
    # A limit on file size makes write(2) fail half-way, as a full disk does.
    script = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))\n{_DOWNLOAD}"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, f"{web.url}/b.tif", str(tmp_path / "b.tif")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"StorageError: no space left to write in {tmp_path}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_told(web: WebServer, tmp_path: Path) -> None:
    web.files["/b.tif"] = b"x"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="can't be written"):
        download(
            f"{web.url}/b.tif", tmp_path / "file" / "b.tif", hosts=LOOPBACK,
            settings=StorageSettings(data_path=tmp_path),
        )  # fmt: skip
