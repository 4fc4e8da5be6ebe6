"""Directories and files that belong to one user alone."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import socket
import stat
from pathlib import Path

from earthgazer_core.errors import ConflictError, RefusedError, StorageError

# sun_path holds 104 bytes on macOS and 108 on Linux, the final NUL included.
_LONGEST_SOCKET_PATH = 103
_LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432")
_LARGEST_LOG_BYTES = 8 * 1024 * 1024


def private_directory(path: Path) -> Path:
    """Make ``path`` if need be, and return it as a directory of ours that nobody else may enter.

    Raises:
        RefusedError: it is somebody else's, a link, or can't be made private.
        StorageError: the disk is full or read-only.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise RefusedError(f"{path} is not a directory")
        if status.st_uid != os.geteuid():
            raise RefusedError(
                f"{path} belongs to another user (uid {status.st_uid}): choose another directory"
            )
        if stat.S_IMODE(status.st_mode) & 0o077:
            path.chmod(0o700)
    except FileExistsError:
        raise RefusedError(f"{path} is not a directory") from None
    except PermissionError as error:
        raise RefusedError(f"no permission for {error.filename or path}: choose another directory") from error
    except OSError as error:
        raise disk_error(error, path) from error
    return path


def disk_error(error: OSError, path: Path) -> StorageError:
    """Return what went wrong with the disk as one line."""
    reason = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}.get(
        error.errno or 0
    )
    return StorageError(f"can't write to {path}: {reason or error.strerror or error}")


_OURS = {"audit.jsonl", "log"}
"""What a console that attaches to another fleet keeps where the default state directory is."""


def state_directory(path: Path) -> Path:
    """Return the state directory, private and with links resolved: equal paths, equal stacks.

    A directory that has other things in it is refused before anything is changed in it.
    """
    resolved = path.expanduser().absolute()
    try:
        resolved = resolved.resolve()
        strangers = (
            resolved.is_dir()
            and not (resolved / "lock").exists()
            and any(entry.name not in _OURS for entry in resolved.iterdir())
        )
    except PermissionError as error:
        raise RefusedError(
            f"no permission for {error.filename or path}: choose another --state-dir"
        ) from error
    except OSError as error:
        raise disk_error(error, path) from error
    if strangers:
        raise ConflictError(
            f"{resolved} is not empty and no state directory of EarthGazer: choose another one"
        )
    private_directory(resolved)
    try:
        (resolved / "lock").touch(mode=0o600)
    except OSError as error:
        raise disk_error(error, resolved) from error
    return resolved


def is_there(path: Path) -> bool:
    """Whether something is at that path; RefusedError if we may not even look."""
    try:
        return path.expanduser().exists()
    except PermissionError as error:
        raise RefusedError(f"no permission for {path}: choose another --state-dir") from error


def runtime_directory(state_dir: Path) -> Path:
    """Return a private directory with a path short enough for sockets.

    It is ``run`` in the state directory, which outlives a logout; where that is too long for a socket, or its
    file system holds no sockets, a directory under ``/tmp`` named after a hash of the state directory.
    """
    inside = state_dir / "run"
    if len(os.fsencode(inside)) + _LONGEST_SOCKET_NAME <= _LONGEST_SOCKET_PATH:
        private_directory(inside)
        # A socket that is there decides: on a full disk the probe fails, yet who runs there must be found.
        if any(inside.glob("*.sock")) or _holds_sockets(inside):
            return inside
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    shared = private_directory(Path(f"/tmp/earthgazer-{os.geteuid()}"))  # noqa: S108 - verified to be ours
    return private_directory(shared / digest)


def control_path(state_dir: Path) -> Path:
    """Return where the supervisor of a state directory listens."""
    return runtime_directory(state_dir) / "control.sock"


def _holds_sockets(directory: Path) -> bool:
    path = directory / f".{secrets.token_hex(4)}"
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(str(path))
        except OSError:
            return False
    path.unlink()
    return True


def write_private(path: Path, text: str) -> None:
    """Write a 0600 file so that it is there whole or not at all.

    Raises:
        StorageError: it can't be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(error, path) from error


def secret(state_dir: Path, name: str) -> str:
    """Return the generated secret of that name, made at the first call and kept in a 0600 file."""
    path = private_directory(state_dir / "secrets") / name
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii").strip()


def open_log(state_dir: Path, name: str) -> int:
    """Return a descriptor that appends to a 0600 log; one older generation is kept of a large one."""
    path = private_directory(state_dir / "logs") / f"{name}.log"
    try:
        if path.exists() and path.stat().st_size > _LARGEST_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise disk_error(error, path) from error


def log_tail(state_dir: Path, name: str, since: int = 0) -> str:
    """Return the last line of a log written after byte ``since``, or an empty text."""
    path = state_dir / "logs" / f"{name}.log"
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(since, path.stat().st_size - 8192))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
