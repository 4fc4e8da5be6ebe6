"""Directories of files that are being made, each locked by its process for as long as that lives."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_JUST_MADE_S = 60.0
"""Between a directory and its lock lies a moment."""


@contextmanager
def work_directory(below: Path, prefix: str) -> Iterator[Path]:
    """Yield a new directory and remove it in the end."""
    below.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=below))
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _try_lock(descriptor)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def sweep(below: Path, older_than_s: float) -> int:
    """Remove what killed processes left and return how many leftovers that were.

    Args:
        below: Where such directories are.
        older_than_s: Age that none in use can have reached: for what can't be locked, some network's file
            system say, this alone decides.
    """
    if not below.is_dir():
        return 0
    now = time.time()
    return sum(_is_left(path, now, older_than_s) and _removed(path) for path in below.iterdir())


def _is_left(path: Path, now: float, older_than_s: float) -> bool:
    try:
        age_s = now - path.stat().st_mtime
        if age_s > older_than_s:
            return True
        if age_s < _JUST_MADE_S:
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # its owner has just removed it, or it is none of ours
    try:
        return _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _removed(path: Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return True
