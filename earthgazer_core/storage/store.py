"""Where backups and artifacts are kept: one interface over a directory or a bucket."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from earthgazer_core.domain.progress import ProgressSink, unheard
from earthgazer_core.errors import InvalidInputError, NotFoundError, StorageError
from earthgazer_core.settings import StorageSettings
from earthgazer_core.storage.bucket import Bucket
from earthgazer_core.storage.checksum import sha256_of
from earthgazer_core.storage.fetch import fetch
from earthgazer_core.storage.folder import Folder
from earthgazer_core.storage.keys import checked_key
from earthgazer_core.storage.model import Downloaded, ObjectHead, StoredObject


class ObjectStorage:
    """Objects by key below one root: ``file:///directory``, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Objects appear whole or not at all, and their digest is known. Cheap to make; a bucket is opened at
    its first use, in the process that uses it.
    """

    def __init__(self, root_url: str, settings: StorageSettings) -> None:
        scheme = urlsplit(root_url).scheme
        if scheme not in ("file", "s3", "gs"):
            raise InvalidInputError(f"storage at {root_url!r}: expected file://, s3:// or gs://")
        self._root_url = root_url.rstrip("/")
        self._backend: Folder | Bucket = (
            Folder(root_url) if scheme == "file" else Bucket(self._root_url, settings)
        )
        self._settings = settings

    @property
    def folder(self) -> Folder | None:
        """The directory, where this is one."""
        return self._backend if isinstance(self._backend, Folder) else None

    def uri(self, key: str) -> str:
        """Return the address of an object, there or not.

        Raises:
            InvalidInputError: the key is not safe.
        """
        return self._backend.uri(key)

    def key(self, uri_or_key: str) -> str:
        """Return the key of an object given by key or by an address that :meth:`uri` made.

        Raises:
            InvalidInputError: the address lies elsewhere, or the key is not safe.
        """
        if "://" not in uri_or_key:
            return checked_key(uri_or_key)
        # A key needs no quoting in a URL, so what follows the root is the key itself.
        root = self.uri("_").removesuffix("_")
        if not uri_or_key.startswith(root):
            raise InvalidInputError(f"{uri_or_key!r} is not below {root}")
        return checked_key(uri_or_key.removeprefix(root))

    def put_file(
        self, local: Path, key: str, *, progress: ProgressSink = unheard, stage: str = "storing"
    ) -> StoredObject:
        """Keep a copy of a local file under ``key``, replacing other bytes that may be there.

        Idempotent: done at once where an object with the same digest is there.

        Raises:
            NotFoundError: there is no such file.
            StorageError: it can't be read, or not be kept (access, a full disk).
            ServiceUnavailableError: the service can't be reached now, or another process is writing it.
        """
        sha256 = sha256_of(local)
        self._backend.put(local, key, sha256, progress, stage)
        return StoredObject(self.uri(key), sha256, local.stat().st_size)

    def get_file(
        self,
        uri_or_key: str,
        local: Path,
        *,
        sha256: str | None = None,
        size_bytes: int | None = None,
        progress: ProgressSink = unheard,
        stage: str = "fetching",
    ) -> Downloaded:
        """Copy an object to a local file; see :func:`earthgazer_core.storage.fetch.fetch`.

        Without ``sha256`` the digest that was noted with the object is used.

        Raises:
            NotFoundError: there is no such object.
            StorageError: its bytes aren't those promised, or can't be kept.
            ServiceUnavailableError: the service can't be reached now, or another process writes ``local``.
        """
        key = self.key(uri_or_key)
        if sha256 is None:
            head = self.head(key)
            sha256 = head.sha256 if head else None
        return fetch(
            self._backend.source(key), local,
            sha256=sha256, size_bytes=size_bytes, progress=progress, stage=stage,
        )  # fmt: skip

    def head(self, uri_or_key: str) -> ObjectHead | None:
        """Return what the store tells of an object without reading it; None if there is none."""
        return self._backend.head(self.key(uri_or_key))

    def exists(self, uri_or_key: str) -> bool:
        """Whether there is such an object; it is whole then."""
        return self.head(uri_or_key) is not None

    def delete(self, uri_or_key: str) -> None:
        """Remove an object; it may be gone already."""
        self._backend.delete(self.key(uri_or_key))

    def verify(self, uri_or_key: str, sha256: str) -> StoredObject:
        """Read an object whole and compare its digest.

        Raises:
            NotFoundError: there is no such object.
            StorageError: its bytes are others.
            ServiceUnavailableError: the service can't be reached now.
        """
        key = self.key(uri_or_key)
        digest, size = hashlib.sha256(), 0
        with self._backend.source(key).open(0, None) as stream:
            for chunk in stream.chunks:
                digest.update(chunk)
                size += len(chunk)
        if digest.hexdigest() != sha256:
            raise StorageError(
                f"{self.uri(key)} does not match its checksum:"
                f" sha256 {sha256} was expected, {digest.hexdigest()} is there"
            )
        return StoredObject(self.uri(key), sha256, size)

    def known(self, key: str) -> StoredObject:
        """Return an object that is there, reading it where its digest was not noted.

        Raises:
            NotFoundError: there is no such object.
        """
        head = self.head(key)
        if head is None:
            raise NotFoundError(f"{self.uri(key)} does not exist")
        if head.sha256 is not None:
            return StoredObject(self.uri(key), head.sha256, head.size_bytes)
        digest = hashlib.sha256()
        with self._backend.source(key).open(0, None) as stream:
            for chunk in stream.chunks:
                digest.update(chunk)
        return StoredObject(self.uri(key), digest.hexdigest(), head.size_bytes)
