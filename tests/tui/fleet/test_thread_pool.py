"""Threads of the console that nobody waits for at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from earthgazer_tui.fleet.live.thread_pool import ThreadPool

DEADLINE_S = 30.0
STUCK = """
import threading
from earthgazer_tui.fleet.live.thread_pool import ThreadPool
pool, began = ThreadPool(2, "stuck"), threading.Event()
pool.submit(lambda: (began.set(), threading.Event().wait()))
assert began.wait(20)
pool.close()
pool.wait(0.01)
print("over", flush=True)
"""


@pytest.fixture
def release() -> threading.Event:
    return threading.Event()


def held(pool: ThreadPool, release: threading.Event) -> Future[str]:
    """Return a call that is under way until it is released."""
    began = threading.Event()

    def call() -> str:
        began.set()
        release.wait(DEADLINE_S)
        return threading.current_thread().name

    future = pool.submit(call)
    assert began.wait(DEADLINE_S)
    return future


def test_an_interpreter_ends_though_a_call_never_does() -> None:
    root = Path(__file__).parents[3]
    told = subprocess.run(
        [sys.executable, "-c", STUCK], env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=DEADLINE_S, check=True,
    )  # fmt: skip
    assert (told.stdout, told.stderr) == ("over\n", "")


def test_a_thread_that_is_free_is_used_again_and_there_are_never_more_than_the_most(
    release: threading.Event,
) -> None:
    pool = ThreadPool(2, "pool")
    first = {pool.submit(lambda: threading.current_thread().name).result(DEADLINE_S) for _ in range(1)}
    stuck = [held(pool, release), held(pool, release)]
    later = [pool.submit(lambda: threading.current_thread().name) for _ in range(20)]
    assert not any(future.done() for future in later)
    release.set()
    names = {future.result(DEADLINE_S) for future in [*stuck, *later]} | first
    assert names <= {"pool-0", "pool-1"}
    pool.close()
    pool.wait(DEADLINE_S)
    alive = [thread for thread in pool._threads if thread.is_alive()]
    assert alive == []


def test_whatever_a_call_raises_is_told_to_the_one_who_waits_and_costs_no_thread() -> None:
    def fails(error: BaseException) -> Callable[[], None]:
        def call() -> None:
            raise error

        return call

    pool = ThreadPool(1, "pool")
    for error in (ValueError("no"), SystemExit(3), KeyboardInterrupt()):
        assert pool.submit(fails(error)).exception(DEADLINE_S) is error
    assert pool.submit(lambda: 7).result(DEADLINE_S) == 7
    pool.close()
    pool.wait(DEADLINE_S)


def test_what_was_cancelled_while_it_waited_is_never_called(release: threading.Event) -> None:
    pool, called = ThreadPool(1, "pool"), threading.Event()
    stuck = held(pool, release)
    waiting = pool.submit(called.set)
    assert waiting.cancel()
    release.set()
    assert stuck.result(DEADLINE_S) == "pool-0"
    assert pool.submit(lambda: 1).result(DEADLINE_S) == 1
    assert not called.is_set()
    pool.close()


def test_a_closed_pool_drops_what_waits_lets_go_on_what_runs_and_takes_nothing(
    release: threading.Event,
) -> None:
    pool, called = ThreadPool(1, "pool"), threading.Event()
    stuck = held(pool, release)
    waiting = [pool.submit(called.set) for _ in range(3)]
    pool.close()
    assert all(future.cancelled() for future in waiting)
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(called.set)
    pool.wait(0.01)
    assert not stuck.done()
    release.set()
    wait([stuck], DEADLINE_S)
    pool.wait(DEADLINE_S)
    assert stuck.result() == "pool-0"
    assert not called.is_set()
    assert not any(thread.is_alive() for thread in pool._threads)
