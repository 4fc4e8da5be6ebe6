"""A process is its pid and its start, never its pid alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from earthgazer_core.stack.identity import MARKER, Identity, end, marked
from earthgazer_core.stack.statefile import StackRecord
from tests.core.stack.polling import eventually


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_a_process_with_the_same_pid_but_another_start_is_somebody_else(
    bystander: subprocess.Popen[bytes],
) -> None:
    real = Identity.of(bystander.pid)
    assert real is not None
    assert real.is_alive()
    stale = Identity(bystander.pid, real.started[:-1] + "x")
    assert not stale.is_alive()
    end([stale], (signal.SIGKILL, 0.0))
    assert bystander.poll() is None


def test_leftovers_of_a_recycled_pid_are_not_touched(bystander: subprocess.Popen[bytes]) -> None:
    stale = Identity(bystander.pid, "another-boot:1")
    record = StackRecord("0", "0" * 32, stale, "/nowhere", {"valkey": stale, "io1": stale, "postgres": stale})
    assert record.end_leftovers() == []
    assert bystander.poll() is None


def test_a_dead_child_that_nobody_collected_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    eventually(lambda: Identity.of(process.pid) is None, "the end of a process")
    process.wait()


def test_end_goes_on_to_the_next_signal_for_who_does_not_obey() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        identity = Identity.of(process.pid)
        assert identity is not None
        end([identity], (signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0))
        assert process.wait() == -signal.SIGKILL


def test_what_carries_the_mark_is_found_and_nothing_else() -> None:
    stack_id = "f" * 31 + "0"
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], env={**os.environ, MARKER: stack_id}
    ) as process:
        assert eventually(lambda: [one.pid for one in marked(stack_id)], "the marked process") == [
            process.pid
        ]
        process.kill()
