"""The tests' own RabbitMQ ends with the last process that uses it, also with one that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.core.recorder.fleet import ROOT, eventually
from tests.rabbitmq import why_absent

_USER = """
import sys, time
from pathlib import Path
from tests.rabbitmq import shared_server
with shared_server(Path(sys.argv[1])) as server:
    print(*server.pids, flush=True)
    time.sleep(600)
"""


def user_of(directory: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a process that uses the server of a directory; return it and the server's processes."""
    user = subprocess.Popen(
        [sys.executable, "-c", _USER, str(directory)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert user.stdout is not None
    return user, [int(pid) for pid in user.stdout.readline().split()]


def kill(user: subprocess.Popen[str]) -> None:
    user.send_signal(signal.SIGKILL)
    user.wait()
    assert user.stdout is not None
    user.stdout.close()


def those_of(directory: Path) -> list[psutil.Process]:
    """Return the living processes that name the directory: the node, its shell and the watchers."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and str(directory) in " ".join(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_nothing_is_left_of_it_when_all_its_users_were_killed(short_directory: Path) -> None:
    if reason := why_absent():
        pytest.skip(reason)
    first, pids = user_of(short_directory)
    second = None
    try:
        assert len(pids) == 2
        second, same = user_of(short_directory)
        assert same == pids
        kill(first)
        # The second one uses it still.
        third, same = user_of(short_directory)
        kill(third)
        assert same == pids
        assert all(psutil.pid_exists(pid) for pid in pids)
        assert those_of(short_directory)
        kill(second)
        eventually(lambda: not any(_lives(pid) for pid in pids), "the end of node and port mapper")
        eventually(lambda: not those_of(short_directory), "the end of everything")
    finally:
        for user in (first, second):
            if user is not None and user.poll() is None:
                kill(user)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
