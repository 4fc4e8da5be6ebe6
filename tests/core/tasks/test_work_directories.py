"""Work directories: kept for as long as their process lives, and no longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from earthgazer_core.tasks.work_directories import sweep, work_directory

_HOLD = """
import sys, time
from pathlib import Path
from earthgazer_core.tasks.work_directories import work_directory
with work_directory(Path(sys.argv[1]), "ndvi") as directory:
    (directory / "half.tif").write_bytes(b"II*")
    print(directory, flush=True)
    time.sleep(60)
"""
_LONG_S = 3600.0


def _age(path: Path, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(path, (at, at))


def test_what_a_killed_process_left_goes_at_the_next_sweep_and_what_is_in_use_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one,
        work_directory(tmp_path, "rgb") as ours,
    ):
        assert one.stdout is not None
        left = Path(one.stdout.readline().strip())
        for directory in (left, ours):
            _age(directory, 120)
        assert sweep(tmp_path, _LONG_S) == 0
        one.send_signal(signal.SIGKILL)
        one.wait()
        assert sweep(tmp_path, _LONG_S) == 1
        assert (left.exists(), ours.exists()) == (False, True)
    assert list(tmp_path.iterdir()) == []


def test_what_was_just_made_may_not_be_locked_yet(tmp_path: Path) -> None:
    (tmp_path / "ndvi-x").mkdir()
    assert sweep(tmp_path, _LONG_S) == 0


def test_what_is_older_than_any_task_goes_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "stray").touch()
    with work_directory(tmp_path, "rgb") as stuck:
        for path in (tmp_path / "stray", stuck):
            _age(path, 2 * _LONG_S)
        assert sweep(tmp_path, _LONG_S) == 2
        assert list(tmp_path.iterdir()) == []
    assert sweep(tmp_path / "nowhere", 0.0) == 0


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "link").symlink_to(tmp_path / "kept")
    assert sweep(tmp_path / "work", -1.0) == 1
    assert (tmp_path / "kept").is_dir()
