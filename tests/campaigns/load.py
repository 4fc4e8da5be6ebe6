"""A day of a busy fleet's events and a million queued messages, with a console attached that is used meanwhile.

Run ``python -m tests.campaigns.load [--minutes M | --whole] [--rate N] [--messages N] [--seed S]``. The events are those
of 200 tasks/s over 24 hours, sent as fast as the console takes them in with every detail; ``--whole`` sends all of
them, else as many as the minutes hold.
"""

# ruff: noqa: E501 - checks read best with what they tell, on one line
from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from earthgazer_core.stack.valkey import ValkeyServer
from earthgazer_tui.fleet.live.fleet import LiveFleet
from earthgazer_tui.fleet.live.options import LiveOptions
from tests.benchmarks.console import broker, console, load, scratch
from tests.benchmarks.event_load import EVENTS_PER_TASK
from tests.benchmarks.pty_probe import Probe
from tests.campaigns.hostile_fleet import envelope
from tests.campaigns.tally import Tally

DAY_TASKS = 24 * 3600 * 200
FAILS_EVERY = 50
"""Of the tasks that :mod:`tests.benchmarks.event_load` tells of."""
FLAT_MB = 25.0
"""Growth of memory that counts as none: the allocator's own breathing, and screens that are built when looked at."""
MOST_MB = 256.0
"""Room for all screens, for as many tasks and failures as it remembers, for views of them and for a backlog."""
KEY_BUDGET_S = 0.5
"""For a key on a loaded machine; how quick keys are on a quiet one is a benchmark's business."""
COMMAND_BUDGET_MS = 25.0
"""A command that takes longer holds up every other client of the broker."""
FULL_AFTER_S = 90.0
"""By then the console remembers as many tasks and failures as it ever will."""
PREVIEW_BUDGET_S = 5.0
"""For a preview of a purge on a loaded machine, however long the queue is: only its ends are read."""
QUEUE = "burst"
_SCREENS = (("6", "Pool"), ("7", "Ran"), ("3", "Oldest"), ("1", "Finished"))
_LONGEST_S = 120.0


class Watched:
    """A console in a pty whose counters can be read."""

    def __init__(self, probe: Probe, path: Path) -> None:
        self.probe = probe
        self._path = path
        self.keys_s: list[float] = []

    def counters(self) -> Mapping[str, int]:
        """Return what it has counted."""
        self._path.unlink(missing_ok=True)
        os.kill(self.probe.pid, signal.SIGUSR1)
        deadline = time.monotonic() + _LONGEST_S
        while not self._path.exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the console tells nothing")
            time.sleep(0.01)
        told: dict[str, int] = json.loads(self._path.read_text(encoding="utf-8"))
        return told

    def press(self, dice: random.Random) -> None:
        """Go to another screen, and note how long that took."""
        key, word = dice.choice(_SCREENS)
        if word in self.probe.text():
            return
        began = time.monotonic()
        self.keys_s.append(self.probe.wait_for(word, _LONGEST_S, keys=key) - began)


@contextmanager
def watched(home: Path, url: str) -> Iterator[Watched]:
    """Yield a console on that broker."""
    path = home / "counters.json"
    program = (sys.executable, "-m", "tests.campaigns.counting_console", str(path))
    with console(home, ("--broker", url), program=program, columns=120, lines=40) as probe:
        yield Watched(probe, path)


def check_keys(tally: Tally, keys_s: Sequence[float], when: str, *, is_timed: bool) -> None:
    """Say how quick keys were."""
    if not keys_s:
        tally.fault(f"no key was pressed {when}")
        return
    p95 = sorted(keys_s)[int(0.95 * (len(keys_s) - 1))]
    median, worst = statistics.median(keys_s), max(keys_s)
    tally.did("keys", len(keys_s))
    tally.say(
        f"keys {when}: median {median * 1e3:.0f} ms, p95 {p95 * 1e3:.0f} ms, longest {worst * 1e3:.0f} ms of {len(keys_s)}; {beside()}"
    )
    tally.check(
        median < KEY_BUDGET_S or not is_timed, f"keys {when} took {median:.2f} s, half of them longer"
    )


def beside() -> str:
    """Return how much else the machine has to do."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def check_events(tally: Tally, *, rate: int, seconds: float, seed: int, is_timed: bool = True) -> None:
    """Send events at a rate; all are counted, memory is flat, and keys are answered."""
    dice = random.Random(seed)
    with scratch() as home, broker(home) as server, watched(home, server.url) as looked:
        points: list[tuple[float, float]] = []
        with load(server.url, rate, seconds) as publisher:
            began = time.monotonic()
            while publisher.poll() is None and time.monotonic() - began < 3 * seconds + _LONGEST_S:
                looked.press(dice)
                points.append((time.monotonic() - began, looked.probe.memory_mb()))
                time.sleep(dice.uniform(0.05, 0.5))
            assert publisher.stdout is not None
            sent = int(publisher.stdout.read())
        took = time.monotonic() - began
        deadline = time.monotonic() + _LONGEST_S
        counted = looked.counters()
        while counted["events"] < sent and time.monotonic() < deadline:
            time.sleep(0.2)
            counted = looked.counters()
        tasks = sent / EVENTS_PER_TASK
        share = tasks / DAY_TASKS
        tally.say(
            f"{tasks:,.0f} tasks, {share:.1%} of a day at 200/s, {tasks / took:,.0f} tasks/s, {sent / took:,.0f} events/s"
        )
        tally.say(f"the console counted {counted}")
        tally.did("events sent", sent)
        with redis.Redis.from_url(server.redis_py_url) as client:
            cut = int(client.info("stats").get("client_output_buffer_limit_disconnections", 0))
        if counted["events"] < sent:
            # The broker cuts off whoever takes too little: what came then nobody can count, but that it was so.
            tally.say(
                f"{sent - counted['events']:,} events were missed, the broker cut the console off {cut} times"
            )
            tally.check(
                counted["gaps"] >= 1, f"{sent - counted['events']} events were missed and nothing tells of it"
            )
        else:
            tally.check(counted["events"] == sent, f"{sent} events were sent, {counted['events']} counted")
            ends = sent // EVENTS_PER_TASK
            fails = -(-ends // FAILS_EVERY)
            tally.check(abs(counted["ended"] - ends) <= 1, f"{ends} tasks ended, {counted['ended']} counted")
            tally.check(
                abs(counted["failed"] - fails) <= 1, f"{fails} tasks failed, {counted['failed']} counted"
            )
        tally.check(not counted["malformed"], f"{counted['malformed']} events could not be read")
        tally.check(counted["shed"] >= 0 and counted["tasks"] <= 50_000, f"remembered: {counted}")
        check_keys(tally, looked.keys_s, "under load", is_timed=is_timed)
        _check_memory(tally, points, is_timed=is_timed)


def _check_memory(tally: Tally, points: Sequence[tuple[float, float]], *, is_timed: bool) -> None:
    peak = max(mb for _, mb in points)
    settled = [mb for at, mb in points if at > 0.5 * points[-1][0]]
    half = len(settled) // 2
    grown = statistics.mean(settled[half:]) - statistics.mean(settled[:half] or settled)
    tally.say(
        f"memory: {points[0][1]:.0f} MB at first, {settled[0]:.0f} at half, {settled[-1]:.0f} at the end, peak {peak:.0f}; {grown:+.1f} MB over the last half"
    )
    if is_timed:
        tally.check(peak < MOST_MB, f"the console took {peak:.0f} MB")
        is_full = points[-1][0] > FULL_AFTER_S
        tally.check(grown < FLAT_MB or not is_full, f"memory grew by {grown:.1f} MB over the last half")


def fill(server: ValkeyServer, messages: int) -> None:
    """Put messages into the queue, as their publishers would, in pieces."""
    with redis.Redis.from_url(server.redis_py_url) as client:
        client.sadd(f"_kombu.binding.{QUEUE}", f"{QUEUE}\x06\x16\x06\x16{QUEUE}")
        client.sadd("_kombu.binding.side", "side\x06\x16\x06\x16side")
        for start in range(0, messages, 5_000):
            with client.pipeline(transaction=False) as pipe:
                for number in range(start, min(start + 5_000, messages)):
                    uuid = f"{number:08x}-0000-4000-8000-{number:012x}"
                    headers = {
                        "id": uuid,
                        "task": f"fleet.step_{number % 12}",
                        "argsrepr": "(12,)",
                        "kwargsrepr": "{}",
                        "root_id": uuid,
                    }
                    pipe.lpush(QUEUE, envelope(headers, [[12], {}, {}], delivery_tag=uuid))
                pipe.execute()


async def check_verbs(tally: Tally, url: str, messages: int) -> None:
    """Do with the queue what an operator does; nothing of it may take as long as the queue is."""
    fleet = LiveFleet(LiveOptions(broker_url=url))
    await fleet.open(lambda _: None)
    try:
        contents = await _timed(tally, "peek", lambda: fleet.queue_contents(QUEUE))
        keys = [message.key for message in contents.messages[:3]]
        tally.check(len(contents.messages) == 200, f"{len(contents.messages)} messages are shown")
        plan = await _timed(tally, "plan a move", lambda: fleet.plan_move(QUEUE, keys, "side", None))
        tally.check(plan.total == 3, f"a move of 3: {plan}")
        await _timed(tally, "move 3", lambda: fleet.move_messages(QUEUE, keys, "side", None))
        await _timed(tally, "look at what is left", lambda: fleet.queue_contents(QUEUE))
        purge = await _timed(tally, "preview of a purge", lambda: fleet.plan_purge(QUEUE))
        tally.check(purge.total == messages - 3, f"a purge would take {purge.total} of {messages - 3}")
        await _timed(tally, "doctor", lambda: fleet.diagnose(lambda _: None))
    finally:
        await fleet.close(None)


async def _timed(tally: Tally, what: str, ask: Callable[[], Any]) -> Any:
    began = time.monotonic()
    answer = await ask()
    tally.say(f"{what}: {time.monotonic() - began:.2f} s")
    tally.did("verbs on the long queue")
    return answer


def check_burst(
    tally: Tally,
    *,
    messages: int,
    seed: int,
    is_timed: bool = True,
) -> None:
    """Queue a million messages beside a console; it stays small, and so do the commands that it sends."""
    dice = random.Random(seed)
    shown = f"{messages:,}"
    with scratch() as home, broker(home) as server, watched(home, server.url) as looked:
        for _ in range(12):
            looked.press(dice)
        looked.keys_s.clear()
        before = looked.probe.memory_mb()
        began = time.monotonic()
        fill(server, messages)
        tally.did("messages queued", messages)
        tally.say(f"{shown} messages queued in {time.monotonic() - began:.0f} s")
        with redis.Redis.from_url(server.redis_py_url) as client:
            client.config_set("slowlog-log-slower-than", 1000)
            client.slowlog_reset()
            probe = looked.probe
            probe.wait_for("Oldest", _LONGEST_S, keys="3")
            probe.wait_for(lambda glass: _has_number(glass.text(), messages), _LONGEST_S)
            for _ in range(20):
                looked.press(dice)
            check_keys(tally, looked.keys_s, f"beside {shown} messages", is_timed=is_timed)
            probe.wait_for("Oldest", _LONGEST_S, keys="3")
            probe.wait_for(QUEUE, _LONGEST_S)
            after = probe.memory_mb()
            asked_at = time.monotonic()
            probe.wait_for("Their tasks will never run", _LONGEST_S, keys="X")
            previewed_s = time.monotonic() - asked_at
            tally.say(f"preview of a purge in the console: {previewed_s:.1f} s")
            settled = probe.memory_mb()
            probe.press("\x1b")
            asyncio.run(check_verbs(tally, server.url, messages))
            slow = [
                (entry["duration"] / 1e3, bytes(entry["command"])[:80]) for entry in client.slowlog_get(128)
            ]
            worst = max(slow, default=(0.0, b""))
            tally.say(
                f"memory of the console: {before:.0f} MB before, {after:.0f} MB beside the queue, {settled:.0f} MB with a purge of it previewed"
            )
            tally.say(f"longest command of the broker: {worst[0]:.1f} ms {worst[1].decode(errors='replace')}")
            tally.check(
                worst[0] < COMMAND_BUDGET_MS or not is_timed,
                f"commands that hold up the broker: {sorted(slow, reverse=True)[:5]}",
            )
            if is_timed:
                tally.check(
                    after - before < FLAT_MB, f"a long queue costs the console {after - before:.0f} MB"
                )
                tally.check(settled - after < FLAT_MB, f"a preview of it costs {settled - after:.0f} MB")
                tally.check(previewed_s < PREVIEW_BUDGET_S, f"a preview of it takes {previewed_s:.1f} s")
            left = client.llen(QUEUE) + client.llen("side")
            tally.check(left == messages, f"{messages} messages were queued, {left} are there")


def _has_number(text: str, number: int) -> bool:
    return any(
        form in text
        for form in (
            str(number),
            f"{number:,}",
            f"{number:_}".replace("_", " "),
            f"{number / 1e6:.1f}M",
            f"{number // 1000}k",
        )
    )


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description="A day's events, and a million messages.")
    parser.add_argument("--minutes", type=float, default=4.0, help="for how long events are sent")
    parser.add_argument(
        "--whole", action="store_true", help="send the whole day, however long that takes: it says so first"
    )
    parser.add_argument("--rate", type=int, default=24_000, help="events per second")
    parser.add_argument("--messages", type=int, default=1_000_000, help="messages in the queue")
    parser.add_argument("--seed", type=int, default=1, help="repeats the keys")
    wanted = parser.parse_args()
    tally = Tally(f"load, seed {wanted.seed}")
    day_s = DAY_TASKS * EVENTS_PER_TASK / wanted.rate
    seconds = day_s if wanted.whole else wanted.minutes * 60
    tally.say(
        f"{min(1.0, seconds / day_s):.1%} of a day's {DAY_TASKS * EVENTS_PER_TASK:,} events, in about"
        f" {seconds / 60:.0f} min at {wanted.rate:,} events/s (all of them take {day_s / 60:.0f}); {beside()}"
    )
    check_events(tally, rate=wanted.rate, seconds=seconds, seed=wanted.seed)
    check_burst(tally, messages=wanted.messages, seed=wanted.seed)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
