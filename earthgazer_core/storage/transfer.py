"""Bringing catalogue assets here, and into the backup."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from earthgazer_core.domain.progress import ProgressSink, unheard
from earthgazer_core.errors import InvalidInputError, RefusedError
from earthgazer_core.hosts import Hosts
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage.bucket import open_bucket
from earthgazer_core.storage.bucket_source import BucketSource
from earthgazer_core.storage.fetch import fetch
from earthgazer_core.storage.file_source import FileSource
from earthgazer_core.storage.folder import path_of
from earthgazer_core.storage.http_source import HttpSource
from earthgazer_core.storage.keys import checked_key
from earthgazer_core.storage.lock import locked
from earthgazer_core.storage.model import Downloaded, StoredObject
from earthgazer_core.storage.problems import write_problem
from earthgazer_core.storage.source import Source
from earthgazer_core.storage.store import ObjectStorage
from earthgazer_core.web import shown

_PUBLIC: Final = Hosts()
# Names of buckets, as Amazon and Google allow them: nothing that a URL could read as a host or a port.
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def source_of(
    href: str, settings: StorageSettings, *, allow_local: bool = False, hosts: Hosts = _PUBLIC
) -> Source:
    """Return what ``href`` leads to.

    ``s3://`` uses the settings' endpoint and region, and their keys for buckets that ``hosts`` lends them
    to: all others are asked unsigned, as public buckets want it.

    Raises:
        InvalidInputError: no http, https, s3, gs or file address.
        RefusedError: a local file, and ``allow_local`` is not set: a remote catalogue may not point at
            files of this machine; or a scheme or host that isn't allowed.
    """
    try:
        parts = urlsplit(href)
    except ValueError:
        raise InvalidInputError(f"{shown(href)} is no usable address") from None
    if parts.scheme == "file":
        if not allow_local:
            raise RefusedError(f"{shown(href)}: this catalogue may not point at files of this machine")
        return FileSource(path_of(href))
    if parts.scheme in ("http", "https") and parts.netloc:
        hosts.check(href)
        return HttpSource(href, settings.timeout_s, hosts)
    if parts.scheme in ("s3", "gs") and _BUCKET.fullmatch(parts.netloc) and parts.path.strip("/"):
        hosts.check(href)
        lends_keys = hosts.lends_keys(href, settings.s3_endpoint)
        bucket = open_bucket(
            f"{parts.scheme}://{parts.netloc}", settings, is_ours=False, lends_keys=lends_keys
        )
        return BucketSource(bucket, parts.path.lstrip("/"), shown(href), is_asked_with_keys=lends_keys)
    raise InvalidInputError(f"{shown(href)}: expected an http://, https://, s3://, gs:// or file:// address")


def download(
    href: str,
    local: Path,
    *,
    settings: StorageSettings,
    expected_sha256: str | None = None,
    expected_size: int | None = None,
    allow_local: bool = False,
    hosts: Hosts = _PUBLIC,
    progress: ProgressSink = unheard,
    stage: str = "downloading",
) -> Downloaded:
    """Bring the file at ``href`` to ``local``, resumed where an earlier call broke off.

    ``local`` appears when it is whole and verified, never before. Idempotent.

    Raises:
        NotFoundError: there is no such file.
        RefusedError: a local file, a scheme or a host that the caller doesn't allow.
        RemoteUnavailableError: the server is away, slow or busy (``retry_after_s``); what came is kept.
        ServiceUnavailableError: the object store is away, or another process is writing ``local``.
        StorageError: access is refused, the bytes aren't those promised, or the disk is full.
    """
    source = source_of(href, settings, allow_local=allow_local, hosts=hosts)
    return fetch(
        source, local,
        sha256=expected_sha256, size_bytes=expected_size, most_bytes=settings.max_file_bytes,
        progress=progress, stage=stage,
    )  # fmt: skip


def backup(
    href: str,
    store: ObjectStorage,
    key: str,
    *,
    settings: StorageSettings,
    expected_sha256: str | None = None,
    expected_size: int | None = None,
    allow_local: bool = False,
    hosts: Hosts = _PUBLIC,
    progress: ProgressSink = unheard,
    stage: str = "backing up",
) -> StoredObject:
    """Keep a verified copy of the file at ``href`` under ``key`` of ``store``.

    A directory takes the bytes as they come. For a bucket they gather below ``data_path`` first, since
    an upload can't be taken up again after a crash but a download can. Idempotent: an object with the
    promised digest, or without a promise one as long as the source, is left as it is.

    Raises:
        As :func:`download`.
    """
    source = source_of(href, settings, allow_local=allow_local, hosts=hosts)
    if store.folder is not None:
        kept = store.folder.take(
            source, key, sha256=expected_sha256, size_bytes=expected_size,
            most_bytes=settings.max_file_bytes, progress=progress, stage=stage,
        )  # fmt: skip
        return StoredObject(store.uri(key), kept.sha256, kept.size_bytes)
    there = _object_there(source, store, key, expected_sha256, expected_size)
    if there is not None:
        return there
    spool = settings.data_path / "spool" / hashlib.sha256(store.uri(checked_key(key)).encode()).hexdigest()
    try:
        spool.parent.mkdir(parents=True, exist_ok=True)
        with locked(spool.with_name(f"{spool.name}.lock"), settings.timeout_s):
            fetch(
                source, spool,
                sha256=expected_sha256, size_bytes=expected_size, most_bytes=settings.max_file_bytes,
                progress=progress, stage=stage,
            )  # fmt: skip
            stored = store.put_file(spool, key, progress=progress, stage=stage)
            spool.unlink(missing_ok=True)
            spool.with_name(f"{spool.name}.lock").unlink(missing_ok=True)
    except OSError as error:
        raise write_problem(spool.parent, error) from error
    return stored


def _object_there(
    source: Source, store: ObjectStorage, key: str, sha256: str | None, size_bytes: int | None
) -> StoredObject | None:
    head = store.head(key)
    if head is None or size_bytes not in (None, head.size_bytes):
        return None
    if sha256 is None:
        with source.open(0, None) as stream:
            if stream.size != head.size_bytes:
                return None
    there = store.known(key)
    return there if sha256 in (None, there.sha256) else None
