"""The console while broker, database, network and terminal fail: it stays, or ends clean, and acts once.

Run ``python -m tests.campaigns.console_faults [--seed S] [--seeds K] [--only WORD]``.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import psutil

from tests.campaigns.fault_fleet import DEADLINE_S, FaultFleet, fault_fleet, wait_until
from tests.campaigns.faulty_proxy import FaultyProxy, Way
from tests.campaigns.faulty_terminal import FaultyTerminal
from tests.campaigns.tally import Tally

SCREENS = {"3": "Oldest", "6": "Pool", "7": "Ran", "1": "Finished"}
"""Key of a screen and a word that is on no other."""
SLOWEST_KEY_S = 5.0
"""A key that takes longer, on a busy machine, was held up by something."""
ENDED = frozenset({"SUCCESS", "FAILURE", "REVOKED", "REJECTED"})
PATIENCE_S = 13.0
"""Longest that the console waits for an answer of the broker, and a little."""

Scene = Callable[[Tally, FaultFleet, random.Random], None]


# ── what holds in every scene ─────────────────────────────────────────────
def check_header(tally: Tally, terminal: FaultyTerminal, service: str, *, is_up: bool) -> None:
    """Wait until the header tells the truth about a service."""
    word = f"● {service}" if is_up else f"{service} down"
    try:
        terminal.wait_until(lambda text: word in text.partition("\n")[0], DEADLINE_S)
    except TimeoutError as error:
        tally.fault(f"the header never said {word!r}: {error}")
    tally.did("headers read")


def check_keys(tally: Tally, terminal: FaultyTerminal) -> None:
    """Look whether keys are answered."""
    for key, word in SCREENS.items():
        began = time.monotonic()
        terminal.press(key)
        try:
            terminal.wait_for(word)
        except TimeoutError as error:
            tally.fault(f"key {key} was not answered: {error}")
            return
        tally.did("keys answered")
        took_s = time.monotonic() - began
        tally.check(took_s < SLOWEST_KEY_S, f"key {key} took {took_s:.1f} s")


def check_end(tally: Tally, terminal: FaultyTerminal, code: int | None, how: str) -> None:
    """Look how the console ended and what it left behind."""
    tally.check(code == 0, f"{how}: the console ended with {code}:\n{terminal.text()}")
    for complaint in terminal.complaints():
        tally.fault(f"{how}: {complaint}")
    tally.did("ends looked at")


def quit_console(tally: Tally, terminal: FaultyTerminal, how: str) -> None:
    """Quit by key."""
    terminal.press("escape")
    terminal.press("q")
    check_end(tally, terminal, terminal.wait_exit(DEADLINE_S), how)


def exported(fleet: FaultFleet, terminal: FaultyTerminal, key: str) -> list[dict[str, Any]]:
    """Return the rows of a screen as the console itself exports them."""
    path = fleet.directory / f"export-{time.monotonic_ns()}.json"
    terminal.press("escape")
    terminal.press(key)
    terminal.wait_for(SCREENS[key])
    terminal.enter(f"export {path}")
    if not wait_until(lambda: path.exists() and path.stat().st_size, 10.0):
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text())
    return rows


# ── broker, database and network ──────────────────────────────────────────
def outage(tally: Tally, terminal: FaultyTerminal, service: str, end: Callable[[], None]) -> None:
    """Look at the console during an outage that has begun, and after it."""
    check_header(tally, terminal, service, is_up=False)
    check_keys(tally, terminal)
    end()
    check_header(tally, terminal, service, is_up=True)
    tally.did("outages")


def kill_and_restart(tally: Tally, fleet: FaultFleet, terminal: FaultyTerminal, service: str) -> None:
    """Kill a server, and start it again."""
    server = fleet.services.valkey if service == "broker" else fleet.services.postgres
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    outage(tally, terminal, service, server.start)


def pause(tally: Tally, fleet: FaultFleet, terminal: FaultyTerminal, service: str) -> None:
    """Stop a server's processes for a while."""
    server = fleet.services.valkey if service == "broker" else fleet.services.postgres
    main = psutil.Process(server.pid)
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.suspend()

    def resume() -> None:
        for process in processes:
            process.resume()

    outage(tally, terminal, service, resume)


def swallow(tally: Tally, terminal: FaultyTerminal, service: str, proxy: FaultyProxy, way: Way) -> None:
    """Let the network swallow what goes one way, or both."""
    proxy.swallow(way)
    outage(tally, terminal, service, proxy.heal)


def services_vanish(tally: Tally, fleet: FaultFleet, draw: random.Random) -> None:
    """Let broker and database vanish and return in every way, in an order drawn at random."""
    with fleet.console() as terminal:
        terminal.wait_for("1 seen")
        threads = psutil.Process(terminal.process.pid).num_threads()
        todo: list[Callable[[], None]] = []
        for service, proxy in (("broker", fleet.broker), ("database", fleet.database)):
            ways: tuple[Way, ...] = ("both", "up", "down")
            todo += [lambda s=service, p=proxy, w=way: swallow(tally, terminal, s, p, w) for way in ways]  # type: ignore[misc]
            todo += [
                lambda s=service: kill_and_restart(tally, fleet, terminal, s),  # type: ignore[misc]
                lambda s=service: pause(tally, fleet, terminal, s),  # type: ignore[misc]
                lambda s=service, p=proxy: flap(tally, terminal, s, p, draw),  # type: ignore[misc]
            ]
        draw.shuffle(todo)
        for step in todo:
            step()
        more = psutil.Process(terminal.process.pid).num_threads() - threads
        tally.check(more < 12, f"{more} threads more after {len(todo)} outages")
        tally.say(f"{len(todo)} outages over")
        fleet.broker.swallow()
        fleet.database.swallow()
        quit_console(tally, terminal, "quit while nobody answers")
    fleet.broker.heal()
    fleet.database.heal()


def flap(
    tally: Tally, terminal: FaultyTerminal, service: str, proxy: FaultyProxy, draw: random.Random
) -> None:
    """Reset all connections again and again, then let everything take its time."""
    for _ in range(10):
        proxy.cut()
        time.sleep(draw.uniform(0.05, 0.4))
    proxy.dawdle(draw.uniform(0.1, 0.6))
    check_keys(tally, terminal)
    proxy.heal()
    check_header(tally, terminal, service, is_up=True)
    tally.did("links that flapped")


# ── nothing is done twice ─────────────────────────────────────────────────
def acts_once(tally: Tally, fleet: FaultFleet, draw: random.Random) -> None:
    """Press keys that act while the broker vanishes: what becomes of it is counted where it is done."""
    grow = base64.b64encode(b'{"method": "pool_grow"'[:21])
    with fleet.console() as terminal:
        terminal.wait_for("1 seen")
        for how in ("answer lost", "cut", "killed"):
            grow_once(tally, fleet, terminal, how, grow, draw)
        for how in ("answer lost", "cut", "killed"):
            retry_once(tally, fleet, terminal, how, draw)
        quit_console(tally, terminal, "quit after actions")


def break_broker(
    fleet: FaultFleet, how: str, word: bytes, press: Callable[[], None], draw: random.Random
) -> None:
    """Press a key and break the broker at it; it is back when this returns."""
    valkey = fleet.services.valkey
    if how == "answer lost":
        fleet.broker.swallow_answers_to(word)
        press()
        time.sleep(draw.uniform(1.0, 3.0))
    elif how == "cut":
        press()
        for _ in range(20):
            time.sleep(draw.uniform(0.0, 0.01))
            fleet.broker.cut()
    else:
        press()
        time.sleep(draw.uniform(0.0, 0.05))
        assert valkey.process is not None
        valkey.process.kill()
        valkey.process.wait()
        time.sleep(draw.uniform(0.5, 2.0))
        valkey.start()
    fleet.broker.heal()


def grow_once(
    tally: Tally, fleet: FaultFleet, terminal: FaultyTerminal, how: str, word: bytes, draw: random.Random
) -> None:
    """Let a pool grow by one at most."""
    terminal.press("escape")
    terminal.press("6")
    terminal.wait_for("Pool", "prefork")
    before = fleet.processes()
    break_broker(fleet, how, word, lambda: terminal.press("+"), draw)
    # A prefork pool starts what it was told of every five seconds.
    wait_until(lambda: fleet.processes() > before + 1, PATIENCE_S)
    after = fleet.processes()
    tally.did("keys that act, pressed as the broker vanished")
    tally.check(after <= before + 1, f"+ as the broker was {how}: {before} processes became {after}")
    if how == "answer lost":
        tally.check(after == before + 1, f"+ was never heard: {before} processes are {after}")
    check_header(tally, terminal, "broker", is_up=True)


def retry_once(
    tally: Tally, fleet: FaultFleet, terminal: FaultyTerminal, how: str, draw: random.Random
) -> None:
    """Let a failure run once more at most, however often R is pressed."""
    task_id = fleet.send("fail")
    if not wait_until(lambda: fleet.ran()[task_id] == 1 and fleet.states()["FAILURE"] >= 1):
        tally.fault("a task was never run")
        return
    terminal.press("escape")
    terminal.press("5")
    terminal.wait_for("ValueError")
    terminal.press("R")
    terminal.wait_for("Retry 1 task?")
    break_broker(fleet, how, b"LPUSH", lambda: terminal.press("y"), draw)
    wait_until(lambda: fleet.ran()[task_id] > 2, PATIENCE_S)
    runs = fleet.ran()[task_id]
    tally.did("keys that act, pressed as the broker vanished")
    tally.check(runs <= 2, f"R as the broker was {how}: the task ran {runs} times")
    check_header(tally, terminal, "broker", is_up=True)
    fleet.dismiss_all()
    terminal.press("1")


# ── what was missed ───────────────────────────────────────────────────────
def counts_return(tally: Tally, fleet: FaultFleet, draw: random.Random) -> None:
    """Let the fleet change while the console hears nothing, and compare afterwards."""
    for with_database in (True, False):
        with fleet.console(with_database=with_database) as terminal:
            terminal.wait_for("1 seen")
            for _ in range(3):
                fleet.send("nap", 4)
            terminal.press("7")
            terminal.wait_for("running")
            fleet.broker.swallow()
            for _ in range(draw.randint(3, 6)):
                fleet.send("nap", 0.01)
                fleet.send("fail")
            fleet.start_worker("w2", 1)
            check_header(tally, terminal, "broker", is_up=False)
            wait_until(lambda: not fleet.depth() and set(fleet.states()) <= ENDED)
            fleet.broker.heal()
            check_header(tally, terminal, "broker", is_up=True)
            compare(tally, fleet, terminal, with_database=with_database)
            fleet.stop_worker("w2")
            quit_console(tally, terminal, "quit after missed events")
        tally.say(f"missed events{'' if with_database else ' without a database'} over")


def compare(tally: Tally, fleet: FaultFleet, terminal: FaultyTerminal, *, with_database: bool) -> None:
    """Compare what the console shows with what broker, database and processes say."""

    def differences() -> list[str]:
        found = []
        states = Counter(str(row["state"]) for row in exported(fleet, terminal, "7"))
        if with_database and states != fleet.states():
            found.append(f"tasks {dict(states)}, but {dict(fleet.states())}")
        if not with_database and (wrong := states.keys() - ENDED - {"UNSEEN"}):
            found.append(f"tasks that ended are still {wrong}")
        workers = exported(fleet, terminal, "6")
        seen = {
            row["hostname"]: (row["active"], row["pool_size"]) for row in workers if row["state"] == "seen"
        }
        truth = {f"{name}@faults": (0, fleet.processes(name)) for name in ("w1", "w2")}
        if seen != truth:
            found.append(f"workers {seen}, but {truth}")
        depths = {row["name"]: row["depth"] for row in exported(fleet, terminal, "3")}
        if depths.get("faults") != fleet.depth():
            found.append(f"depths {depths}, but {fleet.depth()}")
        terminal.press("1")
        overview = terminal.wait_for("Finished")
        if any(mark in overview for mark in ("▸ running", "◦ waiting", "◦ received")):
            found.append(f"the Overview shows what has ended as unfinished:\n{overview}")
        return found

    deadline = time.monotonic() + DEADLINE_S
    while (found := differences()) and time.monotonic() < deadline:
        time.sleep(0.5)
    tally.check(not found, f"after a reconnect: {found}")
    tally.did("counts compared")


# ── the terminal ──────────────────────────────────────────────────────────
def signals(tally: Tally, fleet: FaultFleet, draw: random.Random) -> None:
    """End the console by each signal, with a link that works and with one that takes nothing."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        for is_read in (True, False):
            with fleet.console(direct=True, answers=is_read) as terminal:
                terminal.wait_for("Finished")
                if not is_read:
                    fill(terminal, draw)
                terminal.process.send_signal(number)
                how = f"{number.name}{'' if is_read else ' with a terminal that reads nothing'}"
                check_end(tally, terminal, terminal.wait_exit(), how)


def fill(terminal: FaultyTerminal, draw: random.Random) -> None:
    """Let the terminal read nothing until the console can write nothing more."""
    terminal.stop_reading()
    for _ in range(120):
        terminal.press(draw.choice("23456790"), *draw.choices("y1", k=2))
        time.sleep(0.02)


def stops(tally: Tally, fleet: FaultFleet, draw: random.Random) -> None:
    """Stop the console as a shell does, and let it go on."""
    with fleet.console(direct=True) as terminal:
        terminal.wait_for("Finished")
        for _ in range(3):
            terminal.process.send_signal(signal.SIGTSTP)
            process = psutil.Process(terminal.process.pid)
            tally.check(wait_until(lambda: process.status() == psutil.STATUS_STOPPED), "it never stopped")  # noqa: B023
            for complaint in terminal.complaints():
                tally.fault(f"stopped: {complaint}")
            terminal.process.send_signal(signal.SIGCONT)
            check_keys(tally, terminal)
            tally.did("stops")
        quit_console(tally, terminal, "quit after stops")


def resizes(tally: Tally, fleet: FaultFleet, draw: random.Random, seconds: float = 6.0) -> None:
    """Change the size ten times a second, with keys and events meanwhile."""
    for _ in range(3 if seconds > 3 else 1):
        with fleet.console(direct=True) as terminal:
            terminal.wait_for("Finished")
            deadline, number = time.monotonic() + seconds, 0
            while time.monotonic() < deadline:
                number += 1
                terminal.resize(*((20, 5) if number % 2 else (120, 40)))
                terminal.press(draw.choice("1234567890?"))
                if number % 5 == 0:
                    fleet.send("nap", 0)
                time.sleep(0.1)
                tally.did("sizes taken")
            terminal.resize(120, 40)
            terminal.press("escape")
            terminal.press("escape")
            check_keys(tally, terminal)
            quit_console(tally, terminal, "quit after changes of size")


def unread(tally: Tally, fleet: FaultFleet, draw: random.Random, seconds: float = 20.0) -> None:
    """Read nothing for a while, then everything: the newest state is there."""
    for answers in (True, False):
        with fleet.console(direct=True, answers=answers) as terminal:
            terminal.wait_for("Finished")
            terminal.stop_reading()
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                terminal.press(draw.choice("234567890"), draw.choice("y1"))
                time.sleep(0.2)
            terminal.read_again()
            terminal.press("escape")
            check_keys(tally, terminal)
            quit_console(tally, terminal, "quit after nothing was read")
            tally.did("terminals that read nothing")


def lost(tally: Tally, fleet: FaultFleet, draw: random.Random) -> None:
    """Close the terminal, with and without a signal that tells so."""
    for is_controlling in (True, False):
        with fleet.console(direct=True, is_controlling=is_controlling) as terminal:
            terminal.wait_for("Finished")
            terminal.hang_up()
            code = terminal.wait_exit()
            word = "" if is_controlling else " without a signal"
            tally.check(code == 0, f"a terminal closed{word}: the console ended with {code}")
            tally.did("terminals closed")


def noise(tally: Tally, fleet: FaultFleet, draw: random.Random) -> None:
    """Type bytes that are no UTF-8, as a noisy line does."""
    with fleet.console("--read-only", direct=True) as terminal:
        terminal.wait_for("Finished")
        for _ in range(50):
            terminal.type_bytes(bytes(draw.choices(range(0x80, 0x100), k=20)))
            time.sleep(0.02)
        terminal.press("escape")
        check_keys(tally, terminal)
        quit_console(tally, terminal, "quit after noise")


SCENES: dict[str, Scene] = {
    "signals": signals, "stops": stops, "resizes": resizes, "unread": unread, "lost": lost, "noise": noise,
    "services": services_vanish, "acts": acts_once, "counts": counts_return,
}  # fmt: skip
"""All of it."""


def campaign(tally: Tally, seed: int, only: Sequence[str] = ()) -> None:
    """Play all scenes, or only those named, each drawing from the seed."""
    with fault_fleet() as fleet:
        fleet.start_worker()
        for name, scene in SCENES.items():
            if only and name not in only:
                continue
            try:
                scene(tally, fleet, random.Random(f"{seed} {name}"))
            except TimeoutError as error:
                tally.fault(f"{name}: {error}")
            fleet.broker.heal()
            fleet.database.heal()
            tally.say(f"{name} over")


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description="The console while all around it fails.")
    parser.add_argument("--seed", type=int, default=1, help="repeats a run")
    parser.add_argument("--seeds", type=int, default=1, help="runs, each with the next seed")
    parser.add_argument("--only", nargs="*", choices=SCENES, default=(), help="scenes to play")
    wanted = parser.parse_args()
    codes = []
    for seed in range(wanted.seed, wanted.seed + wanted.seeds):
        tally = Tally(f"console faults, seed {seed}")
        campaign(tally, seed, wanted.only)
        codes.append(tally.end())
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
