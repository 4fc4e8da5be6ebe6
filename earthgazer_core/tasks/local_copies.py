"""Local copies of a capture's files: brought here once, verified each time they are taken up."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from earthgazer_core.db.repositories import assets
from earthgazer_core.db.tables import AssetRow, CaptureRow
from earthgazer_core.domain.progress import ProgressSink
from earthgazer_core.errors import NotFoundError, StorageError
from earthgazer_core.hosts import Hosts
from earthgazer_core.storage import download, sha256_of
from earthgazer_core.tasks.resources import Resources

_LOCAL_SOURCES = frozenset({"files", "sandbox"})
"""Sources that may name files of this machine: an operator's own words, and our own making."""


def may_be_local(resources: Resources, capture: CaptureRow) -> bool:
    """Whether a capture's assets may be files of this machine.

    A remote catalogue that answers ``file:///etc/…`` must not be followed.
    """
    if capture.source in _LOCAL_SOURCES:
        return True
    if urlsplit(capture.source).scheme in ("http", "https"):
        # A document of a web server, though a catalogue on disk may have led to it.
        return False
    url = resources.settings.catalog.url
    is_local_catalog = url is not None and urlsplit(url).scheme in ("", "file")
    return resources.settings.catalog.kind == "stac-static" and is_local_catalog


def hosts_for(resources: Resources, capture: CaptureRow, asset: AssetRow) -> Hosts:
    """Return the hosts that may be asked for an asset; what the operator's own files name is trusted."""
    hosts = Hosts.of(resources.settings.catalog)
    return hosts.trusting(asset.href) if may_be_local(resources, capture) else hosts


def scene_folder(resources: Resources, capture: CaptureRow) -> Path:
    """Return the directory of a capture's local copies.

    Raises:
        StorageError: a link lies there, which would lead what is written elsewhere.
    """
    folder = resources.scenes_path / str(capture.id)
    if folder.is_symlink():
        raise StorageError(f"{folder} is a symbolic link; nothing is written through it: remove it")
    return folder


def ensure_local(resources: Resources, capture: CaptureRow, asset: AssetRow, progress: ProgressSink) -> Path:
    """Return a local, verified file of an asset, brought here if need be; its digest is kept in the asset.

    Files of this machine are read where they are. Otherwise the backup serves if there is one, and the
    provider if not. Idempotent; what broke off is resumed.

    Raises:
        NotFoundError: the file is gone.
        StorageError: it is not what was promised, or what it was before.
        TransientError: where it comes from is away.
    """
    local = local_file(asset.href) if may_be_local(resources, capture) else None
    if local is not None:
        sha256, size_bytes = _verified(capture, asset, local)
        path = local
    else:
        path = scene_folder(resources, capture) / f"{asset.band}{suffix_of(asset.href)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        stage = f"downloading {asset.band}"
        known = asset.sha256 or asset.promised_sha256
        size = asset.size_bytes or asset.promised_size_bytes
        if asset.backup_uri is not None:
            copy = resources.backups.get_file(
                asset.backup_uri, path, sha256=known, size_bytes=size, progress=progress, stage=stage
            )
        else:
            copy = download(
                asset.href, path, settings=resources.settings.storage, expected_sha256=known,
                expected_size=size, hosts=hosts_for(resources, capture, asset),
                progress=progress, stage=stage,
            )  # fmt: skip
        sha256, size_bytes = copy.sha256, copy.size_bytes
    if asset.sha256 is None:
        with resources.database.session() as session:
            assets.keep_checksum(session, asset.id, sha256=sha256, size_bytes=size_bytes)
        asset.sha256, asset.size_bytes = sha256, size_bytes
    return path


def link_into(folder: Path, asset: AssetRow, path: Path) -> None:
    """Let a capture's folder show one of its files; a file that lies in it already is left alone."""
    if path.parent == folder:
        return
    folder.mkdir(parents=True, exist_ok=True)
    making = folder / f".{asset.band}.{os.getpid()}.link"
    making.unlink(missing_ok=True)
    making.symlink_to(path)
    making.replace(folder / f"{asset.band}{suffix_of(asset.href)}")


def local_file(href: str) -> Path | None:
    """Return the file of this machine that an address names, None if it names something else."""
    parts = urlsplit(href)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def suffix_of(href: str) -> str:
    """Return the ending that a copy of this asset has: ``.tif`` unless its address tells another."""
    # only what a raster's name may end with: the rest of an address is the provider's to choose
    suffix = PurePosixPath(unquote(urlsplit(href).path)).suffix.lower()
    return suffix if re.fullmatch(r"\.(tif|tiff|jp2|img)", suffix) else ".tif"


def _verified(capture: CaptureRow, asset: AssetRow, path: Path) -> tuple[str, int]:
    try:
        sha256 = sha256_of(path)
    except NotFoundError:
        raise NotFoundError(
            f"band {asset.band} of capture {capture.id}: {path} is gone; put it back, or add the capture anew"
        ) from None
    known = asset.sha256 or asset.promised_sha256
    if known is not None and sha256 != known:
        raise StorageError(
            f"band {asset.band} of capture {capture.id}: {path} has changed since it was taken up;"
            " add it as a new capture with another --product-id"
        )
    return sha256, path.stat().st_size
