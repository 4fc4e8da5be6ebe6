"""Every lever on workers through the console's own keys, verified in the workers and not in the console."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.stack.valkey import ValkeyServer
from tests.product.terminal import Terminal
from tests.tui.fleet.conftest import wait_for

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(180)]

ROOT = Path(__file__).resolve().parents[2]
WORKERS = {
    "auto@t": ("--autoscale", "3,1"),
    "cpu1@t": ("-c", "2"),
    "gev@t": ("-P", "gevent", "-c", "2"),
    "thr@t": ("-P", "threads", "-c", "2"),
}
"""Options by name, in the order in which the console lists them."""


class Watched:
    """A foreign fleet, a console over it, and another pair of eyes."""

    def __init__(self, url: str, directory: Path) -> None:
        self.app = Celery("eyes", broker=url, backend=url, set_as_current=False)
        self.mailbox = Mailbox(self.app)
        self._directory = directory
        self._url = url
        self.processes = {name: self._start(name, options) for name, options in WORKERS.items()}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EARTHGAZER")}
        self.console = Terminal(
            [sys.executable, "-m", "earthgazer_tui", "--broker", url],
            env={**environment, "HOME": str(directory), "TERM": "xterm-256color", "LANG": "C.UTF-8"},
            cwd=ROOT,
            columns=100,
            lines=30,
        )

    def _start(self, name: str, options: tuple[str, ...]) -> subprocess.Popen[bytes]:
        with (self._directory / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [
                    sys.executable, "-m", "celery", "-A", "tests.product.levered_app", "worker", "-n", name,
                    "-l", "WARNING", "--without-mingle", *options,
                ],
                cwd=ROOT, env={**os.environ, "FOREIGN_BROKER": self._url}, start_new_session=True,
                stdout=log, stderr=log,
            )  # fmt: skip

    def ask(self, name: str, command: str, **arguments: Any) -> Any:
        """Ask a worker, past the console."""
        return self.mailbox.ask(command, arguments, destination=[name], timeout_s=3).values.get(name)

    def until(self, name: str, command: str, is_so: Callable[[Any], Any], **arguments: Any) -> Any:
        """Return a worker's answer once it is so."""
        found: list[Any] = []

        def probe() -> bool:
            found[:] = [self.ask(name, command, **arguments)]
            return found[0] is not None and bool(is_so(found[0]))

        wait_for(probe, 20, f"{command} of {name}")
        return found[0]

    def processes_of(self, name: str) -> set[int]:
        """Return the ids of a prefork pool's processes."""
        return set(self.ask(name, "stats")["pool"]["processes"])

    def choose(self, name: str) -> None:
        """Put the cursor on a worker, from wherever the console is."""
        self.console.press("g", *"j" * list(WORKERS).index(name))
        wait_for(lambda: any(line.startswith("›") and name in line for line in self.lines()), 10, name)

    def lines(self) -> list[str]:
        """Return the console's screen."""
        return self.console.text().splitlines()

    def type(self, key: str, text: str) -> None:
        """Press a key that asks for a line, and answer it."""
        self.console.press(key)
        self.console.wait_for("enter  Do it")
        # What stands there is selected: the first key takes its place.
        self.console.press(*text)
        self.console.wait_for(text)
        self.console.press("enter")

    def leave(self) -> None:
        """Close the dialog of replies."""
        self.console.press("escape")
        wait_for(lambda: "esc  Close" not in self.console.text(), 10, "the dialog to close")

    def mark(self, pattern: str) -> None:
        """Mark the workers that match a pattern."""
        self.console.press("*")
        self.console.wait_for(":mark")
        self.console.press(*pattern)
        self.console.wait_for(f":mark {pattern}")
        self.console.press("enter")

    def close(self) -> None:
        self.mailbox.close()
        self.app.close()
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        with self.console:
            self.console.press("ctrl+c")
            self.console.wait_exit()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A fleet of four kinds of workers, and a console that shows them."""
    broker = ValkeyServer(tmp_path, dies_with_parent=True)
    broker.start()
    watched = Watched(broker.url_of(0), tmp_path)
    try:
        watched.console.wait_for("1 Overview")
        watched.console.press("6")
        watched.console.wait_for(
            *WORKERS, "prefork 2", "gevent 2", "threads 2", "it scales itself", timeout_s=60
        )
        yield watched
    finally:
        watched.close()
        broker.stop()


def plus_minus_and_z_resize_pools_and_say_why_they_can_not(watched: Watched) -> None:
    console = watched.console
    watched.choose("cpu1@t")
    console.press("+")
    console.wait_for("cpu1@t: 2 → 3 processes")
    watched.until("cpu1@t", "stats", lambda stats: len(stats["pool"]["processes"]) == 3)
    console.wait_for("prefork 3", "pool of 3 ≠ 2 configured")
    console.press("-")
    watched.until("cpu1@t", "stats", lambda stats: len(stats["pool"]["processes"]) == 2)
    watched.choose("gev@t")
    watched.type("Z", "+3")
    watched.until("gev@t", "stats", lambda stats: stats["pool"]["max-concurrency"] == 5)
    console.wait_for("gevent 5", "pool of 5 ≠ 2 configured")
    watched.choose("thr@t")
    console.press("+")
    console.wait_for("thr@t: Celery can't resize a threads pool")
    assert watched.ask("thr@t", "stats")["pool"]["max-concurrency"] == 2
    watched.choose("auto@t")
    console.press("+")
    console.wait_for("auto@t: it scales itself")
    watched.type("A", "2,5")
    watched.until(
        "auto@t", "stats", lambda stats: (stats["autoscaler"]["min"], stats["autoscaler"]["max"]) == (2, 5)
    )
    console.wait_for("autoscale 2 to 5 ≠ 1 to 3 configured")
    watched.choose("cpu1@t")
    console.press("A")
    console.wait_for("cpu1@t: its prefork pool does not scale itself")


def c_and_u_add_and_take_queues(watched: Watched) -> None:
    watched.choose("cpu1@t")
    watched.type("C", "extra")
    watched.until(
        "cpu1@t", "active_queues", lambda queues: {queue["name"] for queue in queues} == {"foreign", "extra"}
    )
    watched.console.wait_for("takes from extra ≠ configured")
    watched.type("U", "extra")
    watched.until(
        "cpu1@t", "active_queues", lambda queues: [queue["name"] for queue in queues] == ["foreign"]
    )


def a_rate_limit_goes_to_all_that_a_pattern_marks(watched: Watched) -> None:
    console = watched.console
    watched.mark("*@t")
    console.wait_for("4 workers marked.")
    watched.type("L", "foreign.add 100/m")
    console.wait_for("Limit the rate on 4 workers?", "thr@t  foreign.add 100/m")
    console.press("y")
    console.wait_for("4 of 4 workers did it", "lost when it restarts", "✓ gev@t: new rate limit set")
    watched.leave()
    for name in WORKERS:
        told = watched.ask(name, "registered", taskinfoitems=["rate_limit"])
        assert "foreign.add [rate_limit=100/m]" in told
    watched.mark("none*")
    console.wait_for("No worker matches none*.")


def time_limits_and_pool_restart_reach_the_pools_that_keep_them(watched: Watched) -> None:
    console = watched.console
    watched.choose("cpu1@t")
    watched.type("T", "foreign.sleep 1 30")
    console.wait_for("time limits of foreign.sleep")
    told = watched.ask("cpu1@t", "registered", taskinfoitems=["soft_time_limit"])
    assert "foreign.sleep [soft_time_limit=1.0]" in told
    watched.choose("thr@t")
    console.press("T")
    console.wait_for("thr@t: a threads pool keeps no time limits")
    console.press("P")
    console.wait_for("thr@t: a threads pool has no processes to restart")
    watched.choose("cpu1@t")
    before = watched.processes_of("cpu1@t")
    console.press("P")
    console.wait_for("each process is replaced when its next task has ended")
    deadline = time.monotonic() + 20
    while watched.processes_of("cpu1@t") & before:
        assert time.monotonic() < deadline
        watched.app.send_task("foreign.fail", ("on purpose",), queue="foreign", ignore_result=True)


def events_go_off_and_on(watched: Watched) -> None:
    console = watched.console
    watched.choose("thr@t")
    console.press("F")
    console.wait_for("task events off")
    assert watched.ask("thr@t", "disable_events") == {"ok": "task events already disabled"}
    console.press("E")
    console.wait_for("task events on")
    assert watched.ask("thr@t", "enable_events") == {"ok": "task events already enabled"}


def enter_shows_all_that_a_worker_says_of_itself(watched: Watched) -> None:
    console = watched.console
    watched.mailbox.ask("revoke", {"task_id": ["gone-1"]}, destination=["cpu1@t"], timeout_s=3)
    watched.choose("cpu1@t")
    console.press("enter")
    console.wait_for("true pool size", "prefetch", "process id", str(watched.ask("cpu1@t", "stats")["pid"]))
    for words in (
        ("It runs and holds nothing",),
        ("routing key",),
        ("gone-1",),
        ("foreign.sleep",),
        ("task_acks_late",),
        ("celery:5",),
    ):
        console.press("tab")
        console.wait_for(*words)
    console.press("escape")
    console.wait_for("enter Open", "thr@t")


def a_worker_that_died_before_the_key_delays_nobody(watched: Watched) -> None:
    console = watched.console
    os.killpg(watched.processes["gev@t"].pid, signal.SIGKILL)
    watched.choose("gev@t")
    console.press("E")
    console.wait_for("gev@t: no answer in 2 s; last seen ")
    watched.mark("*@t")
    console.wait_for("4 workers marked.")
    console.press("E")
    console.wait_for("Switch on the task events of 4 workers?")
    console.press("y")
    console.wait_for("✓ thr@t: task events", "✗ gev@t: no answer in 2 s; last seen ", "3 of 4 workers did it")
    assert "offline" not in console.text()
    watched.leave()
    watched.mark("none*")
    console.wait_for("No worker matches none*.")


def a_warm_shutdown_waits_and_shows_what_still_runs(watched: Watched) -> None:
    console = watched.console
    # A queue that nobody else takes from: which worker runs the task is not left to chance.
    watched.ask("cpu1@t", "add_consumer", queue="only")
    sent = watched.app.send_task(
        "foreign.sleep", (25.0,), queue="only", ignore_result=True, soft_time_limit=60
    )
    task_id = str(sent.id)
    watched.until("cpu1@t", "active", lambda tasks: [task["id"] for task in tasks] == [task_id])
    watched.choose("cpu1@t")
    runs_one = re.compile(r"^› .*cpu1@t .*prefork \d+ +1 ")
    wait_for(lambda: any(runs_one.match(line) for line in watched.lines()), 20, "the task that runs")
    console.press("W")
    console.wait_for("Shut down cpu1@t?", "runs 1 task")
    console.press("y")
    console.wait_for(f"… cpu1@t: takes nothing more; still runs sleep {task_id[:8]}")
    assert watched.processes["cpu1@t"].poll() is None
    console.wait_for("✓ cpu1@t: has left; what it ran has ended", "1 of 1 workers have left")
    assert watched.processes["cpu1@t"].wait(10) == 0
    watched.leave()
    console.wait_for("stopped", "cpu1@t")


def test_each_lever_of_a_worker_by_its_keys(watched: Watched) -> None:
    """One after the other, since the last of them end workers that the others tell."""
    for step in (
        plus_minus_and_z_resize_pools_and_say_why_they_can_not,
        c_and_u_add_and_take_queues,
        a_rate_limit_goes_to_all_that_a_pattern_marks,
        time_limits_and_pool_restart_reach_the_pools_that_keep_them,
        events_go_off_and_on,
        enter_shows_all_that_a_worker_says_of_itself,
        a_worker_that_died_before_the_key_delays_nobody,
        a_warm_shutdown_waits_and_shows_what_still_runs,
    ):
        step(watched)
