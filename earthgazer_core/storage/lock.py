"""A lock on a file that dies with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from earthgazer_core.errors import ServiceUnavailableError

_POLL_S = 0.05


@contextmanager
def locked(path: Path, patience_s: float) -> Iterator[int]:
    """Hold ``path``, created if need be, and yield its descriptor; the holder may rename or remove it.

    The kernel gives the lock back when the process ends, however it ends.

    Raises:
        ServiceUnavailableError: another process held it all through ``patience_s``.
        OSError: the file can't be opened.
    """
    deadline = time.monotonic() + patience_s
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            if _try_lock(descriptor) and _is_still(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)
        if time.monotonic() >= deadline:
            raise ServiceUnavailableError(
                f"another process is writing {path}; it can be tried again later", retry_after_s=patience_s
            )
        time.sleep(_POLL_S)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    # Whoever held it before may have renamed or removed it between our opening and our locking.
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
