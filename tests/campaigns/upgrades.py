"""Every released schema, full of rows, is brought to the newest, is interrupted, and meets other versions.

Run ``python -m tests.campaigns.upgrades [--rows N] [--kills N] [--seed S] [--commit REF …]``. The versions that meet
are this one and earlier commits of the repository (by default the last before each migration); without its
history that part says so and is left out.
"""

# ruff: noqa: E501 - checks read best with what they tell, on one line
from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from click.testing import CliRunner
from sqlalchemy import Engine, text

from earthgazer_core.cli.main import cli
from earthgazer_core.db import migrations
from earthgazer_core.db.standing import standing
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_tui.fleet.errors import FleetError
from tests.campaigns import versions
from tests.campaigns.older_schemas import check_older
from tests.campaigns.questions import answers
from tests.campaigns.schemas import contents, counts, engine_of, fill, fresh_database, revisions, schema
from tests.campaigns.services import campaign_services
from tests.campaigns.tally import Tally

COMMANDS = (
    "db status", "captures list", "captures show 1", "artifacts list", "artifacts show 2", "locations list",
    "locations show 1", "workflows list", "workflows show run-1", "tasks list", "tasks show task-7", "failures",
    "history --since 30d", "schedule list", "db prune --dry-run", "tasks retry --where state:failure --dry-run",
)  # fmt: skip
"""What the command line asks a database alone."""
_WAIT_S = 60.0


def until(condition: Callable[[], object], what: str, wait_s: float = _WAIT_S) -> None:
    """Wait for something.

    Raises:
        TimeoutError: it did not come.
    """
    deadline = time.monotonic() + wait_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come in {wait_s:g} s")
        time.sleep(0.02)


def check_upgrade(tally: Tally, engine: Engine, revision: str, executions: int) -> None:
    """Fill a schema of a release and bring it to the newest: every row stays, and counts are right."""
    migrations.upgrade(engine, revision)
    tables = fill(engine, executions)
    before = contents(engine)
    empty = [name for name, (_, rows, _) in before.items() if not rows and name != "execution_counts"]
    tally.check(not empty, f"schema {revision}: nothing was put into {empty}")
    stands = standing(migrations.current(engine))
    tally.check(
        stands.name == ("CURRENT" if revision == migrations.head() else "OLDER"), f"{revision}: {stands}"
    )
    began = time.monotonic()
    migrations.upgrade(engine)
    took = time.monotonic() - began
    after = contents(engine, before)
    for table, (_, rows, digest) in before.items():
        if table != "execution_counts" or revision == migrations.head():
            tally.check(
                after[table][1:] == (rows, digest),
                f"{revision}: {table} had {rows} rows, has {after[table][1]}",
            )
    counted, kept = counts(engine)
    tally.check(counted == kept, f"{revision}: {counted} executions by state are counted as {kept}")
    with engine.begin() as connection:
        connection.execute(
            text("update earthgazer.task_executions set state = 'SUCCESS' where task_id = 'task-7'")
        )
        connection.execute(text("delete from earthgazer.task_executions where task_id = 'task-8'"))
    counted, kept = counts(engine)
    tally.check(counted == kept, f"{revision}: after changes {counted} executions are counted as {kept}")
    tally.did("rows brought up", sum(rows for _, rows, _ in before.values()))
    tally.say(f"schema {revision}: {tables} tables, {executions} executions, {took:.1f} s")


def check_commands(tally: Tally, url: str, revision: str) -> None:
    """Ask everything that the command line asks a database; none of it may fail, or miss rows."""
    found: dict[str, object] = {}
    for line in COMMANDS:
        done = CliRunner().invoke(
            cli,
            [*line.split(), "--json"],
            env={"EARTHGAZER__DATABASE__URL": url, "EARTHGAZER__CELERY__BROKER_URL": "memory://"},
        )
        tally.did("commands")
        # A retry of which something is refused is 1; a code that isn't 0 comes as SystemExit.
        is_fine = done.exit_code in ((0, 1) if "retry" in line else (0,))
        if not is_fine or not isinstance(done.exception, SystemExit | None):
            tally.fault(
                f"{revision}: earthgazer {line}: {done.exit_code} {done.output[-300:]} {done.exception!r}"
            )
            continue
        found[line] = json.loads(done.stdout)
    sizes = {line: len(rows) for line, rows in found.items() if isinstance(rows, list)}
    for line, least in (
        ("captures list", 20),
        ("artifacts list", 20),
        ("locations list", 2),
        ("tasks list", 20),
    ):
        tally.check(
            sizes.get(line, 0) >= least,
            f"{revision}: {line} has only {sizes.get(line)} rows: {str(found.get(line))[:200]}",
        )


async def check_console(tally: Tally, url: str, broker_url: str, revision: str) -> None:
    """Ask everything that the console's screens ask."""
    async for what, answer in answers(tally, url, broker_url):
        if isinstance(answer, FleetError):
            tally.fault(f"{revision}: the console's {what}: {answer}")
        else:
            tally.check(answer or what == "schedule", f"{revision}: the console's {what} is empty")


def upgrading(url: str) -> subprocess.Popen[bytes]:
    """Begin ``earthgazer db upgrade`` in a process of its own."""
    env = {**os.environ, "EARTHGAZER__DATABASE__URL": url}
    return subprocess.Popen(
        (sys.executable, "-m", "earthgazer_core.cli", "db", "upgrade", "--json"),
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def check_killed(
    tally: Tally, server: PostgresServer, revision: str, executions: int, after_s: float | None
) -> None:
    """Kill an upgrade in the middle; the schema stays at a whole revision, and the next upgrade is as any.

    Args:
        tally: Where it is counted.
        server: Where databases are made.
        revision: Where the upgrade begins.
        executions: How much there is to do.
        after_s: When to kill; None for the moment when it waits for somebody who reads, half of its work done.
    """
    with fresh_database(server) as url, engine_of(url) as engine:
        migrations.upgrade(engine, revision)
        fill(engine, executions)
        rows, whole = contents(engine), schema(engine)
        with engine.connect() as reader:
            if after_s is None:
                # An index of 0005 waits for nobody who reads; the lock that comes before it does not either.
                reader.execute(text("lock table earthgazer.task_messages in row exclusive mode"))
            process = upgrading(url)
            if after_s is None:
                until(lambda: _is_waiting(engine) or process.poll() is not None, "an upgrade that waits")
                tally.check(
                    process.poll() is None, "the upgrade did not wait: it was to be killed in the middle"
                )
            else:
                time.sleep(after_s)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            tally.did("upgrades killed")
        until(lambda: not _others(engine), "the end of what was killed")
        now = schema(engine)
        head = migrations.current(engine) == migrations.head()
        tally.check(
            now == whole or head, f"a killed upgrade from {revision} left {sorted(set(now) ^ set(whole))[:5]}"
        )
        tally.did("of them done before" if head else "of them undone")
        first, second = upgrading(url), upgrading(url)
        for process in (first, second):
            _, told = process.communicate(timeout=_WAIT_S)
            tally.check(process.returncode == 0, f"two upgrades at once: {told.decode()[-300:]}")
        tally.did("upgrades by two at once")
        _check_whole(tally, server, schema(engine), revision)
        kept = contents(engine, rows)
        tally.check(
            all(kept[name][1:] == known[1:] for name, known in rows.items() if name != "execution_counts"),
            f"rows changed by an upgrade from {revision} that was killed",
        )


def _is_waiting(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(text("select count(*) from pg_locks where not granted")))


def _others(engine: Engine) -> int:
    query = (
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        return int(connection.scalar(text(query)) or 0)


def _check_whole(tally: Tally, server: PostgresServer, found: Sequence[str], revision: str) -> None:
    with fresh_database(server) as url, engine_of(url) as engine:
        migrations.upgrade(engine)
        tally.check(found == schema(engine), f"the schema differs after upgrading from {revision}")


def campaign(tally: Tally, *, executions: int, kills: int, seed: int) -> None:
    """Do what needs no other version."""
    dice = random.Random(seed)
    with campaign_services() as services:
        for revision in revisions():
            with fresh_database(services.postgres) as url, engine_of(url) as engine:
                check_upgrade(tally, engine, revision, executions)
                check_commands(tally, url, revision)
                asyncio.run(check_console(tally, url, services.valkey.url, revision))
        released = revisions()[:-1]
        for older in (None, *released):
            check_older(tally, services, older)
        for number in range(kills):
            check_killed(
                tally, services.postgres, released[number % len(released)], executions,
                None if number < len(released) else dice.uniform(0.3, 2.5),
            )  # fmt: skip


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description="Upgrades, and versions that meet.")
    parser.add_argument("--rows", type=int, default=20_000, help="executions in each database")
    parser.add_argument("--kills", type=int, default=12, help="upgrades that are killed")
    parser.add_argument("--seed", type=int, default=1, help="repeats the moments")
    parser.add_argument("--commit", action="append", default=[], help="a commit to meet (again: several)")
    wanted = parser.parse_args()
    tally = Tally(f"upgrades, seed {wanted.seed}")
    campaign(tally, executions=wanted.rows, kills=wanted.kills, seed=wanted.seed)
    versions.campaign(tally, wanted.commit)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
