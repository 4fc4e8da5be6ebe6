"""Workers whose clocks are off, nights in which clocks change, and terminals and locales without UTF-8.

Run ``python -m tests.campaigns.clocks [--seed S]``. Real workers under wrong clocks need Debian's ``faketime``.
"""

# ruff: noqa: E501 - checks read best with what they tell, on one line
from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.history import read_history
from earthgazer_core.schedule.timing import Timing
from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.live.fleet import LiveFleet
from earthgazer_tui.fleet.live.options import LiveOptions
from tests.benchmarks.console import broker, console, scratch
from tests.benchmarks.pty_probe import Probe
from tests.campaigns.services import CampaignServices, campaign_services
from tests.campaigns.tally import Tally

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
OFF = ("+300s", "-300s", "+73y", "-50y", "+0.9s")
"""Minutes, the years 2099 and 1976, and less than a second."""
BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = (datetime(2026, 10, 25, tzinfo=BERLIN), datetime(2026, 3, 29, tzinfo=BERLIN))
"""Clocks go back in the first, forward in the second."""
TERMINALS: Mapping[str, tuple[Mapping[str, str], bool]] = {
    "UTF-8": ({"LC_ALL": "C.UTF-8"}, True),
    "no locale": ({"LC_ALL": "", "LC_CTYPE": "", "LANG": ""}, True),
    "C": ({"LC_ALL": "C"}, True),
    "POSIX, an odd zone": ({"LC_ALL": "POSIX", "TZ": "XXX-14:59"}, True),
    "no such zone": ({"LC_ALL": "C.UTF-8", "TZ": ":no/such/zone"}, True),
    "Latin-1": ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "de_DE.ISO-8859-1"}, False),
    "ASCII": ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, False),
    "Cyrillic": ({"LC_ALL": "ru_RU.KOI8-R", "TZ": "Europe/Berlin"}, False),
}
"""By name: the environment, and whether the terminal draws every letter."""
COMMANDS = (
    "--help",
    "tasks list",
    "tasks list --json",
    "captures list",
    "history",
    "schedule list",
    "db status",
)
_KEYS = (("6", "Pool"), ("7", "Ran"), ("3", "Oldest"), ("0", "Evidence"), ("1", "Finished"))
_WAIT_S = 90.0
_NEAR = timedelta(seconds=20)
_APART = timedelta(seconds=0.5)
"""How far two processes on a loaded machine may read the database's clock differently."""


class AsciiTerminal(Probe):
    """One of another charset: a letter of two bytes is two letters there."""

    def _type(self, data: bytes) -> None:
        super()._type(b"\x1b[1;3R" if data == b"\x1b[1;1R" else data)


def why_absent() -> str:
    """Return why no clock can be faked; empty where it can."""
    return "" if LIBRARY.is_file() else f"{LIBRARY} is not here: apt-get install faketime"


@contextmanager
def worker(services: CampaignServices, name: str, queues: str, off: str | None) -> Iterator[None]:
    """Run a worker, under a clock that is off by that."""
    env = services.env()
    if off is not None:
        env |= {"LD_PRELOAD": str(LIBRARY), "FAKETIME": off, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    command = (
        sys.executable, "-P", "-m", "celery", "-A", "earthgazer_core.celery_app", "worker", "-Q", queues,
        "-n", f"{name}@%h", "--concurrency", "1", "-E", "--loglevel", "WARNING",
    )  # fmt: skip
    with (services.directory / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def check_worker(tally: Tally, services: CampaignServices, off: str) -> None:
    """Let a task fail on a worker whose clock is off, and again on one whose clock is right."""
    wrong, right = f"wrong{OFF.index(off)}", f"right{OFF.index(off)}"
    fleet = LiveFleet(LiveOptions(broker_url=services.valkey.url, database_url=services.postgres.url))
    await fleet.open(lambda _: None)
    try:
        with worker(services, wrong, wrong, off), worker(services, right, right, None):
            deadline = time.monotonic() + _WAIT_S
            async for snapshot in fleet.watch():
                seen = {one.hostname.partition("@")[0] for one in snapshot.workers}
                if {wrong, right} <= seen or time.monotonic() > deadline:
                    break
            for queue in (wrong, right):
                sent = f"from earthgazer_core.celery_app import app; print(app.send_task('earthgazer.cpu.compute_ndvi', kwargs={{'capture_id': 987654}}, queue={queue!r}).id)"
                done = await asyncio.to_thread(
                    subprocess.run, (sys.executable, "-P", "-c", sent), env=services.env(), capture_output=True,
                    text=True, check=True,
                )  # fmt: skip
                await _check_task(tally, services, fleet, done.stdout.strip(), f"clock {off}, on {queue}")
                tally.did("tasks under clocks that are off")
    finally:
        await fleet.close(None)


async def _check_task(
    tally: Tally, services: CampaignServices, fleet: LiveFleet, task_id: str, who: str
) -> None:
    deadline = time.monotonic() + _WAIT_S
    row: TaskExecutionRow | None = None
    while time.monotonic() < deadline:
        with services.database.session() as session:
            row = session.get(TaskExecutionRow, task_id)
        if (
            row is not None
            and row.state == "FAILURE"
            and row.started_at is not None
            and row.sent_at is not None
        ):
            break
        await asyncio.sleep(0.2)
    if row is None or row.state != "FAILURE":
        tally.fault(f"{who}: {None if row is None else row.state}")
        return
    now = datetime.now(UTC)
    times = [row.sent_at, row.received_at, row.started_at, row.finished_at, row.updated_at]
    known = [at for at in times if at is not None]
    tally.check(len(known) == 5, f"{who}: times are missing: {times}")
    # Each process looks at the database's clock by itself, over a network.
    tally.check(
        all(later - at > -_APART for at, later in pairwise(known)),
        f"{who}: out of order: {times}",
    )
    tally.check(
        all(abs(at - now) < _NEAR + timedelta(seconds=_WAIT_S) for at in known),
        f"{who}: {times}, now is {now}",
    )
    try:
        detail = await fleet.task(task_id)
    except FleetError as error:
        tally.fault(f"{who}: the console: {error}")
        return
    told = [change.at for change in detail.timeline]
    tally.check(told == sorted(told), f"{who}: the timeline is out of order: {told}")
    tally.check(
        abs(detail.row.at - now) < _NEAR + timedelta(seconds=_WAIT_S), f"{who}: shown as of {detail.row.at}"
    )


def check_nights(tally: Tally, engine: Engine, database: Database) -> None:
    """Ask for history and due times over the nights in which clocks change, in a zone that has them."""
    with engine.begin() as connection:
        connection.execute(text(f"alter database {engine.url.database} set timezone = 'Europe/Berlin'"))
    database.dispose()
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    try:
        for night in NIGHTS:
            begin = night.astimezone(UTC)
            hours = 23 if night.month == 3 else 25
            with database.session() as session:
                for hour in range(hours):
                    ended = begin + timedelta(hours=hour, minutes=30)
                    session.add(
                        TaskExecutionRow(
                            task_id=f"{night:%m}-{hour}", name="n", state="SUCCESS", sent_at=ended - timedelta(seconds=9),
                            started_at=ended - timedelta(seconds=5), finished_at=ended, updated_at=ended,
                        )
                    )  # fmt: skip
            with database.session() as session:
                history = read_history(session, begin, begin + timedelta(hours=hours), with_slot_times=True)
            ended_in = [slot.count for slot in history.total.ended]
            tally.check(
                history.total.count == hours,
                f"{night:%F}: {history.total.count} of {hours} tasks are counted",
            )
            tally.check(sum(ended_in) == hours, f"{night:%F}: {ended_in}")
            run = history.total.run
            tally.check(run.p50 == 5.0, f"{night:%F}: tasks of 5 s took {run}")
            at, hourly, seen = begin, Timing.cron("30 * * * *"), []
            while (at := hourly.next_after(None, at)) < begin + timedelta(hours=hours):
                seen.append(at)
            tally.check(
                len(seen) == hours, f"{night:%F}: an hourly task is due {len(seen)} times in {hours} hours"
            )
            due: datetime = begin
            for _ in range(hours):
                due = Timing.every(3600.0).next_after(due, due + timedelta(seconds=1))
            tally.check(
                due == begin + timedelta(hours=hours), f"{night:%F}: an interval of an hour drifts to {due}"
            )
            tally.did("nights in which clocks change")
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def check_terminal(tally: Tally, home: Path, url: str, name: str, *, answers_otherwise: bool = False) -> None:
    """Go through screens on one terminal; nothing ends the console, and no letter comes that it can't draw."""
    env, is_utf8 = TERMINALS[name]
    kind = AsciiTerminal if answers_otherwise else Probe
    with console(home, ("--broker", url), columns=100, lines=30, more_env=env, probe=kind) as probe:
        for key, word in _KEYS:
            probe.wait_for(word, _WAIT_S, keys=key)
            tally.did("screens on odd terminals")
        at = probe.position
        probe.press("\x0c")
        probe.wait_for(lambda glass: probe.position > at and "Finished" in glass.text(), _WAIT_S)
        probe.wait_quiet(0.5, 10.0)
        drawn = probe.since(at)
        foreign = sum(byte > 0x7F for byte in drawn)
        plain = answers_otherwise or not is_utf8
        tally.check(len(drawn) > 500, f"{name}: a repaint of {len(drawn)} bytes")
        tally.check(bool(foreign) != plain, f"{name}: {foreign} bytes beyond ASCII in a repaint")
        tally.check(
            "Traceback" not in probe.text() and "UnicodeEncode" not in probe.text(), f"{name}: {probe.text()}"
        )


def check_terminals(tally: Tally, dice: random.Random) -> None:
    """Go through all terminals."""
    with scratch() as home, broker(home) as server:
        looks = [(name, False) for name in dice.sample(list(TERMINALS), len(TERMINALS))]
        for name, answers_otherwise in (*looks, ("C", True), ("no locale", True)):
            what = f"terminal {name}{', which turns out not to speak UTF-8' if answers_otherwise else ''}"
            try:
                check_terminal(tally, home, server.url, name, answers_otherwise=answers_otherwise)
            except TimeoutError as error:
                tally.fault(f"{what}: {error}")
            else:
                tally.say(what)


def check_command_line(tally: Tally, services: CampaignServices, name: str) -> None:
    """Print what holds letters that a locale lacks."""
    env, is_utf8 = TERMINALS[name]
    for line in COMMANDS:
        done = subprocess.run(
            services.command(*line.split()), env={**services.env(), **env}, capture_output=True, check=False
        )
        tally.did("commands in odd locales")
        tally.check(
            done.returncode == 0 and b"Traceback" not in done.stderr,
            f"{name}: {line}: {done.stderr[-300:]!r}",
        )
        # Click takes ASCII for a mistake and prints UTF-8 then; a document is ASCII wherever it has to be.
        is_plain = is_utf8 or "--json" not in line or done.stdout.isascii()
        is_known = "LANG" in env and env["LANG"]  # not installed: Python takes it for C
        tally.check(
            is_plain or is_known or name == "Cyrillic", f"{name}: {line} prints {done.stdout[:200]!r}"
        )


def plant(database: Database) -> None:
    """Put a row into the database whose letters no old charset has."""
    now = datetime.now(UTC)
    with database.session() as session:
        session.add(
            TaskExecutionRow(
                task_id="Łódź-☃", name="поле.обработать", state="FAILURE", sent_at=now, started_at=now + timedelta(minutes=5),
                finished_at=now, updated_at=now, error_type="Fehler…", error_message="größer → 😀", args_repr="('ñ',)",
            )
        )  # fmt: skip


def campaign(tally: Tally, seed: int) -> None:
    """Do all of it."""
    dice = random.Random(seed)
    with campaign_services() as services:
        plant(services.database)
        for name in TERMINALS:
            check_command_line(tally, services, name)
        tally.say("commands in all locales")
        reason = why_absent()
        if reason:
            tally.say(f"workers under wrong clocks are left out: {reason}")
        for off in () if reason else OFF:
            asyncio.run(check_worker(tally, services, off))
            tally.say(f"a worker whose clock is off by {off}")
        check_nights(tally, services.database.engine, services.database)
        tally.say("nights in which clocks change")
    check_terminals(tally, dice)


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description="Clocks, zones, locales and terminals.")
    parser.add_argument("--seed", type=int, default=1, help="repeats the order")
    wanted = parser.parse_args()
    tally = Tally(f"clocks, seed {wanted.seed}")
    campaign(tally, wanted.seed)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
