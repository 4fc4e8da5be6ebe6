"""Queues from the keyboard: each key is pressed, and what it did is read in broker and workers."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.product.conftest import Product
from tests.product.terminal import Terminal
from tests.tui.fleet.conftest import ForeignFleet, foreign, wait_for

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(240)]

__all__ = ["foreign"]

STEP = "\x06\x16"
"""What kombu puts between a queue's name and a priority."""


@dataclass
class Site:
    """A fleet that has never heard of us, and its broker seen without us."""

    fleet: ForeignFleet
    redis: redis.Redis

    def ids(self, queue: str = "foreign") -> list[str]:
        """Return the tasks that wait in a queue, the next to run first, over all priorities."""
        found: list[str] = []
        for step in ("", f"{STEP}3", f"{STEP}6", f"{STEP}9"):
            raws: Any = self.redis.lrange(f"{queue}{step}", 0, -1)
            found += [json.loads(raw)["headers"]["id"] for raw in reversed(raws)]
        return found

    def consumers(self, queue: str = "foreign") -> set[str]:
        """Return the workers that consume a queue, by their own words."""
        told = self.fleet.app.control.inspect(timeout=1.0).active_queues() or {}
        return {worker for worker, queues in told.items() if queue in {one["name"] for one in queues}}

    def has_run(self, task_id: str) -> bool:
        """Return whether a task has a result."""
        return bool(self.redis.exists(f"celery-task-meta-{task_id}"))

    def actions(self, home: Path) -> list[str]:
        """Return what the audit of a fleet without a database says was done."""
        [path] = home.rglob("audit.jsonl")
        return [json.loads(line)["action"] for line in path.read_text().splitlines()]


@pytest.fixture
def site(foreign: ForeignFleet, redis_client: redis.Redis) -> Site:
    return Site(foreign, redis_client)


def queues_screen(
    product: Product, site: Site, *options: str, columns: int = 80, lines: int = 24
) -> Terminal:
    console = product.console("--broker", site.fleet.broker_url, *options, columns=columns, lines=lines)
    console.wait_for("1 Overview", "foreign")
    console.press("3")
    # The screen is there before the broker has answered.
    console.wait_for("Look in", "● broker", "› ")
    return console


def answer(console: Terminal, *keys: str, asked: str, then: str) -> None:
    """Press keys once something is asked, and wait for what comes of them."""
    console.wait_for(asked)
    console.press(*keys)
    console.wait_for(then)


def test_messages_are_looked_at_deleted_moved_and_purged(product: Product, site: Site) -> None:
    send = site.fleet.send
    ids = [
        send("foreign.add", number, 1, priority=priority) for number, priority in enumerate((0, 0, 0, 3, 9))
    ]
    elsewhere = send("foreign.add", 9, 9, queue="other")
    console = queues_screen(product, site)
    console.wait_for("none!", "nobody takes what waits", "priority 3", "priority 9")
    console.press("enter")
    console.wait_for("5 messages waiting", "next", ids[0], "[0, 1]")

    console.press("enter")
    console.wait_for("What comes after it", "nothing", "root")
    console.press("escape")
    console.wait_for("5 messages waiting")

    console.press("D")
    answer(console, "n", asked="Delete 1 message of foreign?", then="5 messages waiting")
    wait_for(lambda: "Delete 1 message" not in console.text(), what="the end of the question")
    assert site.ids() == ids
    console.press("D")
    answer(console, "y", asked="Delete 1 message of foreign?", then="4 messages waiting")
    assert site.ids() == ids[1:]

    # Marked ones, to another priority: the last two go to the front's list.
    console.press("end", "space", "up", "space")
    console.press("M")
    answer(console, *"p0", "enter", asked="Where should 2 messages", then="at priority 0?")
    console.press("y")
    console.wait_for("2 moved from foreign to foreign at priority 0")
    assert site.redis.llen("foreign") == 4
    assert sorted(site.ids()) == sorted(ids[1:])

    # One that a worker takes while the question is asked.
    console.press("ctrl+a", "ctrl+a", "g", "D")
    console.wait_for("Delete 1 message of foreign?")
    taken: Any = site.redis.rpop("foreign")
    console.press("y")
    console.wait_for("no longer")
    assert len(site.ids()) == 3
    site.redis.rpush("foreign", taken)

    # All of it to where it can't go, then to where it can.
    console.press("A")
    answer(console, *"nowhere", "enter", asked="Where should all messages", then="there is no queue nowhere")
    assert len(site.ids()) == 4
    console.press("A")
    answer(console, *"other", "enter", asked="Where should all messages", then="Move 4 messages to other?")
    console.press("y")
    console.wait_for("4 moved from foreign to other")
    assert site.ids() == []
    assert site.ids("other")[0] == elsewhere
    assert sorted(site.ids("other")[1:]) == sorted(ids[1:])

    console.press("escape", "down")
    console.wait_for("other")
    console.press("X")
    console.wait_for("Delete 5 messages of other?")
    console.press("n")
    wait_for(lambda: "Delete 5" not in console.text(), what="the end of the question")
    console.press("X")
    console.wait_for("Delete 5 messages of other?")
    late = send("foreign.add", 5, 5, queue="other")
    console.press("y")
    console.wait_for("5 purged, 1 came since")
    assert site.ids("other") == [late]
    console.press("q")
    assert console.wait_exit() == 0
    assert site.actions(product.home).count("queue.move") == 2
    assert {"queue.remove", "queue.purge"} < set(site.actions(product.home))


def test_a_queue_is_paused_on_all_workers_and_goes_on(product: Product, site: Site) -> None:
    for name in ("w1", "w2"):
        site.fleet.start_worker(name, "-c", "1", "-Q", "foreign,other")
    wait_for(lambda: len(site.consumers()) == 2, what="two consumers")
    console = queues_screen(product, site, columns=160, lines=50)
    console.wait_for("6 Workers·2")
    console.press("P")
    console.wait_for("paused on 2 workers", "paused by")
    assert site.consumers() == set()
    assert site.consumers("other") == {"w1@test", "w2@test"}
    waiting = site.fleet.send("foreign.add", 1, 2)
    elsewhere = site.fleet.send("foreign.add", 1, 2, queue="other")
    wait_for(lambda: site.has_run(elsewhere), what="the other queue")
    assert site.ids() == [waiting]

    # A worker that starts now consumes by its own options; it is told.
    site.fleet.start_worker("w3", "-c", "1", "-Q", "foreign,other")
    wait_for(lambda: "w3@test" in site.consumers("other"), what="the third worker")
    wait_for(lambda: not site.consumers(), what="a pause that is enforced")
    later = site.fleet.send("foreign.add", 3, 4, countdown=600, queue="other")
    console.press("R")
    console.wait_for("resumed on 3 workers")
    assert site.consumers() == {"w1@test", "w2@test", "w3@test"}
    wait_for(lambda: site.has_run(waiting), what="what waited")
    assert site.redis.hgetall("earthgazer.paused") == {}

    console.press("down", "enter")
    console.wait_for("1 until their time", "ETA", later[:8])
    console.press("D")
    console.wait_for("A worker holds this message")
    console.press("q")
    assert console.wait_exit() == 0


def test_a_read_only_console_has_no_key_that_changes_a_queue(product: Product, site: Site) -> None:
    ids = [site.fleet.send("foreign.add", number, 1) for number in range(3)]
    console = queues_screen(product, site, "--read-only")
    console.wait_for("READ-ONLY")
    assert "Purge" not in console.text()
    console.press("P", "R", "A", "X", "enter")
    console.wait_for("3 messages waiting")
    console.press("D", "M", "A", "P", "X")
    console.press("enter")
    console.wait_for("What comes after it")
    console.press("D", "M", "escape")
    console.wait_for("3 messages waiting")
    assert (site.ids(), site.redis.hgetall("earthgazer.paused")) == (ids, {})
    console.press("q")
    assert console.wait_exit() == 0


def test_a_console_that_is_killed_in_a_move_loses_and_doubles_nothing(product: Product, site: Site) -> None:
    site.fleet.send("foreign.add", 0, 0)
    model = json.loads(site.redis.lpop("foreign"))  # type: ignore[arg-type]
    pipe = site.redis.pipeline(transaction=False)
    ids = [f"task-{number}" for number in range(30_000)]
    for task_id in ids:
        model["headers"]["id"] = model["properties"]["delivery_tag"] = task_id
        pipe.lpush("foreign", json.dumps(model))
    pipe.execute()
    site.fleet.send("foreign.add", 0, 0, queue="other")
    here = site.ids("other")
    console = queues_screen(product, site)
    console.press("A")
    answer(console, *"other", "enter", asked="Where should all", then="Move 30000 messages to other?")
    console.press("y")
    wait_for(lambda: site.redis.llen("other") > 1_000, what="some moved")
    console.send_signal(signal.SIGKILL)
    console.wait_exit()
    assert 0 < site.redis.llen("foreign") < len(ids)
    assert sorted(site.ids() + site.ids("other")) == sorted([*ids, *here])
