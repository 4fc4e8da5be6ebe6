"""Digests of files."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from earthgazer_core.errors import NotFoundError, StorageError

CHUNK_BYTES: Final = 1024 * 1024
"""Bytes read at a time."""


def open_regular(path: Path) -> IO[bytes]:
    """Return ``path`` opened for reading; the file itself, never what a symbolic link leads to.

    Raises:
        NotFoundError: there is no such file.
        StorageError: it is a link, a directory, a device, or can't be read.
    """
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFoundError(f"{path} does not exist") from None
    except OSError as error:
        reason = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise StorageError(f"{path} can't be read: {reason}") from error
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise StorageError(f"{path} is not a regular file")
    return file


def read_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of ``file``."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def sha256_of(path: Path) -> str:
    """Return the hex sha256 of a file.

    Raises:
        NotFoundError: there is no such file.
        StorageError: it can't be read.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        try:
            for chunk in read_chunks(file):
                digest.update(chunk)
        except OSError as error:
            raise StorageError(f"{path} can't be read: {error.strerror}") from error
    return digest.hexdigest()
