"""Bytes that are kept: backups, artifacts and local copies; whole and verified, or not there at all."""

from __future__ import annotations

from earthgazer_core.storage.checksum import sha256_of
from earthgazer_core.storage.keys import safe_key
from earthgazer_core.storage.model import Downloaded, ObjectHead, StoredObject
from earthgazer_core.storage.store import ObjectStorage
from earthgazer_core.storage.transfer import backup, download

__all__ = [
    "Downloaded",
    "ObjectHead",
    "ObjectStorage",
    "StoredObject",
    "backup",
    "download",
    "safe_key",
    "sha256_of",
]
