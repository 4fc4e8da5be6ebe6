"""``earthgazer stack`` as a user runs it, with the real app on its workers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.conftest import redis_py_url
from tests.core.stack.conftest import StackUnderTest
from tests.core.stack.polling import eventually

EARTHGAZER = [sys.executable, "-c", "from earthgazer_core.cli.main import main; main()"]


def run(state_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EARTHGAZER, "stack", *words, "--state-dir", str(state_dir)],
        capture_output=True, text=True, check=False, timeout=120, cwd=state_dir.parent,
    )  # fmt: skip


@pytest.mark.fleet
def test_a_stack_lives_from_up_to_down(stack: StackUnderTest) -> None:
    up = run(stack.state_dir, "up", "--detach", "--workers", "1", "--json")
    assert up.returncode == 0, up.stderr
    assert {one["state"] for one in json.loads(up.stdout)["processes"]} == {"ready"}
    assert "✓ worker cpu1" in up.stderr
    stack.record()

    status = run(stack.state_dir, "status")
    assert status.returncode == 0
    assert status.stdout.startswith("running, detached")

    env = dict(line.split("=", 1) for line in run(stack.state_dir, "env").stdout.splitlines())
    with redis.Redis.from_url(redis_py_url(env["EARTHGAZER__CELERY__BROKER_URL"])) as client:
        assert client.ping()

    down = run(stack.state_dir, "down")
    assert down.returncode == 0, down.stderr
    assert not stack.left()


@pytest.mark.fleet
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_in_the_foreground_ends_everything_on_a_signal(
    stack: StackUnderTest, number: signal.Signals
) -> None:
    stack.client().ensure_running(detach=True)
    stack.record()
    command = [*EARTHGAZER, "stack", "up", "--state-dir", str(stack.state_dir)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as up:
        lines = up.stderr
        assert lines is not None
        eventually(lambda: "Ctrl-C ends it" in lines.readline(), "the command to be ready")
        assert stack.client().status().leases == 1
        up.send_signal(number)
        up.communicate(timeout=60)
    assert up.returncode == 0
    assert not stack.left()


def test_without_a_stack_the_exit_code_says_unreachable(short_directory: Path) -> None:
    for verb in ("status", "down", "env"):
        answer = run(short_directory / "none", verb)
        assert answer.returncode == 3
        assert answer.stderr.count("\n") == 1
        assert "no stack runs in" in answer.stderr
    assert not (short_directory / "none").exists()


def test_wrong_usage_has_its_own_exit_code(short_directory: Path) -> None:
    assert run(short_directory / "none", "up", "--workers", "0").returncode == 2


def test_a_taken_directory_is_one_line(short_directory: Path) -> None:
    (short_directory / "taken").mkdir()
    (short_directory / "taken" / "thesis.txt").touch()
    answer = run(short_directory / "taken", "up", "--detach")
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "is not empty and no state directory" in answer.stderr
