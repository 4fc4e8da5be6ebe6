"""Directories and files that belong to one user alone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from earthgazer_core.errors import ConflictError, RefusedError
from earthgazer_core.stack.client import default_state_dir
from earthgazer_core.stack.files import (
    disk_error,
    private_directory,
    runtime_directory,
    secret,
    state_directory,
    write_private,
)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_state_directory_is_made_private(tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    wide.mkdir(mode=0o755)
    assert mode(state_directory(wide)) == 0o700
    assert state_directory(wide) == wide.resolve()


def test_a_directory_with_other_things_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    tmp_path.chmod(0o755)
    with pytest.raises(ConflictError, match="is not empty"):
        state_directory(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert mode(tmp_path) == 0o755


def test_a_file_in_the_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError, match="is not a directory"):
        private_directory(tmp_path / "file")


def test_a_link_in_the_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(RefusedError, match="is not a directory"):
        private_directory(tmp_path / "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(RefusedError, match="belongs to another user"):
        private_directory(tmp_path / "theirs")


def test_sockets_live_in_the_state_directory_where_its_path_is_short(short_directory: Path) -> None:
    assert runtime_directory(short_directory) == short_directory / "run"


def test_sockets_of_a_deep_state_directory_live_under_tmp_for_the_owner_alone(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    directory = runtime_directory(deep)
    assert len(str(directory / ".s.PGSQL.5432")) < 104
    assert directory.parent == Path("/", "tmp", f"earthgazer-{os.geteuid()}")
    assert (mode(directory), mode(directory.parent)) == (0o700, 0o700)
    assert runtime_directory(deep) == directory
    directory.rmdir()


def test_a_secret_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    first = secret(tmp_path, "valkey")
    assert len(first) >= 40
    assert secret(tmp_path, "valkey") == first
    assert secret(tmp_path, "postgres") != first
    assert mode(tmp_path / "secrets" / "valkey") == 0o600


def test_a_private_file_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_private(tmp_path / "state", "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "state", "\ud800")
    assert (tmp_path / "state").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_told_in_words() -> None:
    error = disk_error(OSError(errno.ENOSPC, "No space left on device"), Path("/state"))
    assert str(error) == "can't write to /state: the disk is full"


def test_what_a_console_keeps_there_is_no_stranger(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "audit.jsonl").touch()
    assert state_directory(tmp_path) == tmp_path.resolve()
    other = tmp_path / "other"
    other.mkdir()
    (other / "audit.jsonl").touch()
    (other / "thesis.txt").touch()
    with pytest.raises(ConflictError, match="no state directory"):
        state_directory(other)


def test_the_environment_names_the_directory_of_console_and_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARTHGAZER_STATE_DIR", str(tmp_path))
    assert default_state_dir() == tmp_path
