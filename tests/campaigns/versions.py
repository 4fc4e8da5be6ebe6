"""Consoles and workers of different versions on one broker and one database: what works, and what says that it can't.

Other versions are earlier commits of this repository, unpacked into a directory and run by this Python.
"""

# ruff: noqa: E501, S607, S608, B023 - checks read best with what they tell, on one line
from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from earthgazer_core.db import migrations
from earthgazer_tui.fleet.live.fleet import LiveFleet
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.models import ServiceState, Snapshot
from tests.campaigns.schemas import counts, engine_of, fresh_database
from tests.campaigns.services import CampaignServices, campaign_services
from tests.campaigns.tally import Tally

ROOT = Path(__file__).parents[2]
_VERSIONS = "earthgazer_core/db/migrations/versions"
_WAIT_S = 150.0
_SEND = (
    "from earthgazer_core.celery_app import app;"
    " print(app.send_task('earthgazer.cpu.compute_ndvi', kwargs={'capture_id': 987654}).id)"
)
"""Sends a task that fails, and prints its id."""
_UNFINISHED = "state in ('PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'PROGRESS')"
_LOOKS = ("captures list", "artifacts list", "locations list", "workflows list", "tasks list", "db status")


@dataclass(frozen=True)
class Version:
    """A version of the product, unpacked."""

    name: str
    """This one, or a commit."""
    directory: Path
    """Where its packages are."""

    @property
    def head(self) -> str:
        """The newest schema that it knows."""
        return max(path.name[:4] for path in (self.directory / _VERSIONS).glob("0*.py"))

    def run(self, env: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
        """Run its command line."""
        return subprocess.run(
            (sys.executable, "-P", "-m", "earthgazer_core.cli", *words), env=self._env(env), cwd="/",
            capture_output=True, text=True, timeout=_WAIT_S, check=False,
        )  # fmt: skip

    @contextmanager
    def worker(self, env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker of it for all queues, until the block ends."""
        command = (sys.executable, "-P", "-m", "earthgazer_core.cli", "worker", "all", "--concurrency", "2")
        with log.open("ab") as out:
            process = subprocess.Popen(command, env=self._env(env), cwd="/", stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _env(self, env: Mapping[str, str]) -> dict[str, str]:
        return {**env, "PYTHONPATH": str(self.directory), "PYTHONDONTWRITEBYTECODE": "1"}


HERE = Version("this version", ROOT)


def why_absent() -> str:
    """Return why there is no history to take other versions from; empty where there is."""
    asked = subprocess.run(
        ("git", "log", "--format=%h", "--diff-filter=A", "--", _VERSIONS),
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return (
        ""
        if asked.returncode == 0 and len(asked.stdout.split()) > 1
        else "no history of this repository is here"
    )


def before_migrations(many: int) -> list[str]:
    """Return the commits right before each of the newest migrations, the newest first."""
    told = _git("log", "--format=%h", "--diff-filter=A", "--", _VERSIONS).decode().split()
    return [f"{commit}^" for commit in told[:many]]


def unpack(commit: str, directory: Path) -> Version:
    """Unpack a commit."""
    directory.mkdir(parents=True)
    archive = _git("archive", commit, "earthgazer_core", "earthgazer_tui")
    subprocess.run(("tar", "x"), input=archive, cwd=directory, check=True)
    return Version(commit, directory)


def _git(*words: str) -> bytes:
    return subprocess.run(("git", *words), cwd=ROOT, capture_output=True, check=True).stdout


def environment(services: CampaignServices, url: str) -> dict[str, str]:
    """Return the environment of commands and workers on that database."""
    env = {**services.env(with_database=False), "EARTHGAZER__DATABASE__URL": url}
    return {
        **env,
        "EARTHGAZER__CATALOG__KIND": "sandbox",
        "EARTHGAZER__RECORDER__SPOOL_PATH": str(services.directory / "spool"),
    }


def work_and_wait(tally: Tally, console: Version, env: Mapping[str, str], engine: Engine, who: str) -> None:
    """Have the sandbox discovered and one task fail, and check what is on the record of it."""
    name = f"field of {who}"
    done = console.run(
        env, "locations", "add", "--name", name, "--bbox=-75.4506,3.1387,-75.4224,3.1670", "--json"
    )
    if done.returncode:
        done = console.run(env, "locations", "add", name, "--bbox=-75.4506,3.1387,-75.4224,3.1670", "--json")
    tally.check(done.returncode == 0, f"{who}: no location: {done.stderr[-300:]}")
    done = console.run(env, "workflows", "full-pipeline", "--json")
    tally.check(
        done.returncode == 0,
        f"{who}: the pipeline can't be started: {done.stdout[-200:]}{done.stderr[-300:]}",
    )
    _wait(
        lambda: (
            _number(engine, "select count(*) from earthgazer.artifacts") > 2
            and not _number(engine, f"select count(*) from earthgazer.task_executions where {_UNFINISHED}")
        ),
        tally,
        who,
        engine,
    )
    counted = _number(engine, "select count(*) from earthgazer.task_executions where state = 'SUCCESS'")
    tally.did("tasks done between versions", counted)
    wrong = _number(
        engine,
        "select count(*) from earthgazer.task_executions where state = 'SUCCESS' and"
        " (started_at is null or finished_at < started_at or runtime_s < 0 or received_at < sent_at - interval '1 second')",
    )
    tally.check(wrong == 0, f"{who}: {wrong} executions whose times are out of order")
    if migrations.current(engine) == migrations.head():
        counted_by_state, kept = counts(engine)
        tally.check(counted_by_state == kept, f"{who}: {counted_by_state} is counted as {kept}")


def _number(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(query)) or 0)


def _wait(condition: Callable[[], object], tally: Tally, who: str, engine: Engine) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            with engine.connect() as connection:
                states = connection.execute(
                    text(
                        "select name, state, count(*), max(error_message) from earthgazer.task_executions group by 1, 2"
                    )
                ).all()
            tally.fault(f"{who}: not done in {_WAIT_S:g} s: {states}")
            return
        time.sleep(0.2)


def check_failure(tally: Tally, console: Version, env: Mapping[str, str], engine: Engine, who: str) -> None:
    """Have a task fail, look at it and retry it in place."""
    failing = _SEND
    sent = subprocess.run(
        (sys.executable, "-P", "-c", failing),
        env=console._env(env),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=_WAIT_S,
        check=False,
    )
    tally.check(sent.returncode == 0, f"{who}: can't send: {sent.stderr[-300:]}")
    task_id = sent.stdout.strip()
    for attempt in (1, 2):
        failed = f"select count(*) from earthgazer.task_executions where task_id = '{task_id}' and state = 'FAILURE' and attempt = {attempt}"
        _wait(lambda: _number(engine, failed), tally, f"{who}, attempt {attempt}", engine)
        shown = console.run(env, "tasks", "show", task_id, "--json")
        tally.check(
            shown.returncode == 0 and json.loads(shown.stdout)["state"] == "FAILURE",
            f"{who}: {shown.stdout[-300:]}{shown.stderr[-300:]}",
        )
        if attempt == 1:
            again = console.run(env, "tasks", "retry", task_id, "--json")
            tally.check(again.returncode == 0, f"{who}: retry: {again.stdout[-300:]}{again.stderr[-300:]}")
    tally.did("failures seen and retried between versions")


def check_looks(tally: Tally, console: Version, env: Mapping[str, str], who: str) -> None:
    """Have the command line look at everything: it does, or says in one line why not."""
    for line in _LOOKS:
        done = console.run(env, *line.split())
        tally.did("looks between versions")
        is_clear = "db upgrade" in done.stderr or "newer" in done.stderr
        if done.returncode and not (is_clear and len(done.stderr.strip().splitlines()) == 1):
            tally.fault(f"{who}: earthgazer {line}: {done.returncode} {done.stderr[-400:]}")


async def first_snapshot(
    services: CampaignServices, url: str, is_wanted: Callable[[Snapshot], bool]
) -> Snapshot | None:
    """Return the first snapshot of a console that is as wanted; None if none comes."""
    fleet = LiveFleet(
        LiveOptions(broker_url=services.valkey.url, database_url=url, read_only=True, refresh_hz=10)
    )
    await fleet.open(lambda _: None)
    try:
        async with asyncio.timeout(_WAIT_S / 3):
            async for snapshot in fleet.watch():
                if is_wanted(snapshot):
                    return snapshot
    except TimeoutError:
        return None
    finally:
        await fleet.close(None)
    return None


async def what_is_told(services: CampaignServices, url: str) -> str:
    """Return what the console says of a database of another version."""

    def words(snapshot: Snapshot) -> list[str]:
        told = [snapshot.database.detail, *(alert.text for alert in snapshot.alerts)]
        return [one for one in told if "than this EarthGazer" in one or "no tables of EarthGazer" in one]

    snapshot = await first_snapshot(services, url, lambda snapshot: bool(words(snapshot)))
    return words(snapshot)[0] if snapshot is not None else ""


def check_newer(tally: Tally, services: CampaignServices, lines: Sequence[str]) -> None:
    """Let this version meet a schema that it can't know."""
    with fresh_database(services.postgres) as url, engine_of(url) as engine:
        migrations.upgrade(engine)
        with engine.begin() as connection:
            connection.execute(text("update earthgazer.alembic_version set version_num = '9999'"))
            connection.execute(text("alter table earthgazer.task_executions rename column stage to phase"))
        env = environment(services, url)
        who = "console of today on a schema that is yet to be written"
        for line in lines:
            done = HERE.run(env, *line.split())
            told = done.stdout + done.stderr
            is_clear = "newer than this EarthGazer" in told and "Traceback" not in told
            tally.check(is_clear, f"{who}: {line}: {told[-400:]}")
        told = asyncio.run(what_is_told(services, url))
        tally.check("newer" in told, f"{who}: says {told!r}")
        tally.say(f"{who} says: {told}")


def check_meeting(tally: Tally, services: CampaignServices, other: Version) -> None:
    """Let this version meet another one in every way."""
    log = services.directory / f"worker-{other.head}.log"
    with fresh_database(services.postgres) as url, engine_of(url) as engine:
        env = environment(services, url)
        migrations.upgrade(engine)
        with other.worker(env, log):
            who = f"workers of {other.name} ({other.head}) on schema {migrations.head()}, console of today"
            work_and_wait(tally, HERE, env, engine, who)
            check_failure(tally, HERE, env, engine, who)
            check_looks(tally, HERE, env, who)
            snapshot = asyncio.run(
                first_snapshot(
                    services, url, lambda s: bool(s.workers) and s.database.state is ServiceState.UP
                )
            )
            tally.check(snapshot is not None, f"{who}: no snapshot with worker and database")
            tally.say(who)
        with HERE.worker(env, log):
            who = f"workers of today, console of {other.name} ({other.head}) on schema {migrations.head()}"
            check_failure(tally, other, env, engine, who)
            check_looks(tally, other, env, who)
            tally.say(who)
    services.client.flushall()
    with fresh_database(services.postgres) as url, engine_of(url) as engine:
        env = environment(services, url)
        made = other.run(env, "db", "upgrade")
        tally.check(
            migrations.current(engine) == other.head,
            f"{other.name} made {migrations.current(engine)}: {made.stderr[-300:]}",
        )
        who = f"console of today on schema {other.head}"
        told = asyncio.run(what_is_told(services, url))
        tally.check("earthgazer db upgrade" in told, f"{who}: says {told!r}")
        tally.say(f"{who} says: {told}")
        check_looks(tally, HERE, env, who)
        with HERE.worker(env, log):
            who = f"workers of today on schema {other.head}, which is upgraded meanwhile"
            started = subprocess.run(
                (
                    sys.executable,
                    "-P",
                    "-c",
                    _SEND,
                ),
                env=HERE._env(env),
                cwd="/",
                capture_output=True,
                text=True,
                timeout=_WAIT_S,
                check=False,
            )
            task_id = started.stdout.strip()
            _wait(
                lambda: b"received" in log.read_bytes() and task_id.encode() in log.read_bytes(),
                tally,
                who,
                engine,
            )
            upgraded = HERE.run(env, "db", "upgrade")
            tally.check(upgraded.returncode == 0, f"{who}: {upgraded.stderr[-300:]}")
            ended = f"select count(*) from earthgazer.task_executions where task_id = '{task_id}' and state = 'FAILURE'"
            _wait(lambda: _number(engine, ended), tally, who, engine)
            work_and_wait(tally, HERE, env, engine, who)
            tally.say(who)
    services.client.flushall()


def campaign(tally: Tally, commits: Sequence[str]) -> None:
    """Meet other versions."""
    reason = why_absent()
    if reason:
        tally.say(f"other versions are left out: {reason}")
        return
    with campaign_services() as services:
        check_newer(tally, services, ("db upgrade", "tasks list", "doctor"))
        for number, commit in enumerate(commits or before_migrations(2)):
            check_meeting(tally, services, unpack(commit, services.directory / f"version-{number}"))
