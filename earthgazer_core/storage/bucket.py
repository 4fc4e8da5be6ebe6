"""A bucket on S3, Google Cloud or a service like them, through obstore."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from earthgazer_core.domain.progress import Progress, ProgressSink
from earthgazer_core.errors import InvalidInputError, RefusedError, StorageError
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage.bucket_source import BucketSource
from earthgazer_core.storage.checksum import open_regular
from earthgazer_core.storage.keys import checked_key
from earthgazer_core.storage.model import ObjectHead
from earthgazer_core.storage.problems import storage_problems
from earthgazer_core.storage.source import Source

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

_NOTED: Final = "sha256"
"""Name of the metadata field that holds the digest."""
_PART_BYTES: Final = 8 * 1024 * 1024


_threads_of: set[int] = set()
"""The process in which obstore's threads run; empty until there are any."""


def _refuse_after_fork() -> None:
    # obstore's threads stay behind in the parent, and a call in the child waits for them for ever.
    if _threads_of - {os.getpid()}:
        raise RefusedError(
            "object storage was used before this process was forked off; start workers first, or use spawn"
        )
    _threads_of.add(os.getpid())


def open_bucket(
    url: str, settings: StorageSettings, *, is_ours: bool = True, lends_keys: bool = True
) -> ObjectStore:
    """Return obstore's view of ``s3://bucket[/prefix]`` or ``gs://bucket[/prefix]``.

    obstore starts threads of its own: open buckets in the process that uses them, never before a fork.

    Args:
        url: Address of the bucket.
        settings: Endpoint, region and keys.
        is_ours: Whether it always takes keys; a public one is asked without where the settings have none.
        lends_keys: Whether it may be asked with our keys, and at our cost.

    Raises:
        InvalidInputError: the address is of another kind, or a setting can't be right.
        RefusedError: this process was forked off one that had a bucket open.
    """
    _refuse_after_fork()
    from obstore.exceptions import BaseError
    from obstore.store import GCSStore, S3Store

    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=10),
        "read_timeout": timedelta(seconds=settings.timeout_s),
        # The default bounds the whole transfer by 30 s, which no large band on a slow line meets.
        "timeout": timedelta(hours=1),
    }
    # Waiting is left to the caller, who can tell that it waits.
    retry: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}
    try:
        if urlsplit(url).scheme == "gs":
            return GCSStore.from_url(
                url,
                config={"skip_signature": not (is_ours and lends_keys)},
                client_options=client,
                retry_config=retry,
            )
        config: S3Config = {"checksum_algorithm": "SHA256"}
        if settings.s3_endpoint:
            config["endpoint"] = settings.s3_endpoint
            client["allow_http"] = settings.s3_endpoint.startswith("http://")
        if settings.s3_region:
            config["region"] = settings.s3_region
        if not lends_keys:
            config["skip_signature"] = True
        elif settings.s3_access_key_id and settings.s3_secret_access_key:
            config["access_key_id"] = settings.s3_access_key_id.get_secret_value()
            config["secret_access_key"] = settings.s3_secret_access_key.get_secret_value()
        elif not is_ours and not settings.s3_requester_pays:
            config["skip_signature"] = True
        # Said in any case, since the environment may agree to it as well.
        config["request_payer"] = settings.s3_requester_pays and lends_keys
        return S3Store.from_url(url, config=config, client_options=client, retry_config=retry)
    except (BaseError, ValueError) as error:
        raise InvalidInputError(
            f"{url!r} is no usable bucket address: {str(error).splitlines()[0]}"
        ) from None


class Bucket:
    """Objects below one prefix of a bucket."""

    def __init__(self, root_url: str, settings: StorageSettings) -> None:
        self._root_url = root_url.rstrip("/")
        self._settings = settings
        self._opened: ObjectStore | None = None

    @property
    def _store(self) -> ObjectStore:
        if self._opened is None:
            self._opened = open_bucket(self._root_url, self._settings)
        _refuse_after_fork()
        return self._opened

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return f"{self._root_url}/{checked_key(key)}"

    def head(self, key: str) -> ObjectHead | None:
        """Return what is known of an object; None if there is none."""
        import obstore

        with storage_problems(self.uri(key)):
            try:
                found = obstore.get(self._store, checked_key(key), options={"head": True})
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None
            return ObjectHead(found.meta["size"], found.attributes.get(_NOTED))

    def source(self, key: str) -> Source:
        """Return an object as a source of bytes."""
        return BucketSource(self._store, checked_key(key), self.uri(key))

    def put(self, local: Path, key: str, sha256: str, progress: ProgressSink, stage: str) -> None:
        """Upload a local file: an object that is there with this digest is left as it is.

        Large files go up in parts; the object appears when all of them are there, or never.

        Raises:
            StorageError: access is refused, or what arrived is not what was sent.
            ServiceUnavailableError: the service can't be reached now.
        """
        import obstore

        with open_regular(local) as file:
            total = local.stat().st_size
            sent = ObjectHead(total, sha256)
            if self.head(key) == sent:
                progress(Progress(stage, total, total))
                return

            def parts() -> Iterator[bytes]:
                done = 0
                while part := file.read(_PART_BYTES):
                    yield part
                    done += len(part)
                    progress(Progress(stage, done, total))

            with storage_problems(self.uri(key)):
                is_small = total <= _PART_BYTES
                obstore.put(
                    self._store, checked_key(key), file.read() if is_small else parts(),
                    attributes={_NOTED: sha256}, use_multipart=not is_small,
                    chunk_size=_PART_BYTES, max_concurrency=4,
                )  # fmt: skip
        progress(Progress(stage, total, total))
        arrived = self.head(key)
        if arrived != sent:
            raise StorageError(f"{self.uri(key)}: {sent} was sent, {arrived} is there")

    def delete(self, key: str) -> None:
        """Remove an object; it may be gone already."""
        import obstore

        with storage_problems(self.uri(key)):
            try:
                obstore.delete(self._store, checked_key(key))
            except FileNotFoundError:
                return
