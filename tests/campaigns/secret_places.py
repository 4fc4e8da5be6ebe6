"""Secrets planted wherever an operator or a task may put one, and searched for in everything that comes out.

Run ``python -m tests.campaigns.secret_places [--seed S]``.
"""

# ruff: noqa: E501 - tables of attacks read best on one line each
from __future__ import annotations

import io
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg2
import zstandard
from cryptography.fernet import Fernet
from psycopg2 import sql
from sqlalchemy.engine import make_url

from tests.campaigns.hostile_fleet import envelope, publish
from tests.campaigns.hostile_text import COMMANDS
from tests.campaigns.services import CampaignServices, campaign_services
from tests.campaigns.tally import Tally, arguments
from tests.campaigns.walk import settle, shown_on, walk
from tests.core.recorder.fleet import ForeignFleet, eventually, foreign_fleet
from tests.core.recorder.foreign_app import ForeignConfig
from tests.product.terminal import Terminal

KINDS = ("positional", "named", "nested", "author", "error", "event", "message", "url", "bare", "result")


def secrets_of(seed: int) -> dict[str, str]:
    """Return a word for each way to plant one; equal seeds, equal words."""
    dice = random.Random(seed)
    return {kind: f"hush{kind}{dice.getrandbits(48):012x}" for kind in KINDS}


def plant(fleet: ForeignFleet, words: dict[str, str]) -> None:
    """Have a worker of a recorded fleet run tasks that know secrets, some of which fail with them."""
    send = fleet.app.send_task
    ids = [
        send("steps.login", ("root", words["positional"])).id,
        send(
            "steps.login", ("root",), {"password": words["named"], "options": {"api_token": words["nested"]}}
        ).id,
        send("steps.needs", (7, words["author"]), argsrepr="(7, '(hidden)')", kwargsrepr="{}").id,
        send("steps.needs", (7, f"password={words['error']}")).id,
        send("steps.needs", (7, f"amqp://user:{words['url']}@broker/")).id,
    ]
    for task_id in ids:
        fleet.until(task_id, "FAILURE")
    fleet.raise_flag("login")
    done = send("steps.login", ("root", words["positional"])).id
    fleet.until(done, "SUCCESS")


def hidden_events(words: dict[str, str], at: float) -> list[dict[str, Any]]:
    """Return events as a worker without any recorder sends them."""
    common = {"hostname": "w@far", "pid": 1, "clock": 1, "utcoffset": 0, "retries": 0}
    kwargs = f"{{'password': '{words['event']}', 'n': 1}}"
    return [
        {**common, "type": "task-received", "uuid": "far-1", "name": "far.login", "args": "()", "kwargs": kwargs, "timestamp": at},
        {**common, "type": "task-started", "uuid": "far-1", "timestamp": at},
        {
            **common, "type": "task-failed", "uuid": "far-1", "timestamp": at,
            "exception": f"DatabaseError('redis://:{words['url']}@h is away, token={words['event']}')",
            "traceback": f"Traceback\n  connect('amqp://u:{words['url']}@h', password='{words['event']}')\n",
        },
        {**common, "type": "task-received", "uuid": "far-2", "name": "far.get", "timestamp": at, "kwargs": {"secret": words["event"]}},
        {
            **common, "type": "task-succeeded", "uuid": "far-2", "timestamp": at, "runtime": 1.0,
            "result": f"{{'api_key': '{words['event']}'}}",
        },
    ]  # fmt: skip


def search(tally: Tally, words: dict[str, str], where: str, output: bytes | str) -> None:
    """Look for the words in something that came out."""
    text = output if isinstance(output, bytes) else output.encode(errors="replace")
    for kind, word in words.items():
        at = text.find(word.encode())
        tally.check(at < 0, f"{where} shows the {kind} secret: …{text[max(0, at - 150) : at + 30]!r}")


def check_tables(tally: Tally, services: CampaignServices, words: dict[str, str]) -> None:
    """Look at a dump of every table, and that bodies that hide something are sealed."""
    url = make_url(services.postgres.url)
    with psycopg2.connect(
        host=url.query["host"], user=url.username, password=url.password, dbname=url.database
    ) as link, link.cursor() as cursor:  # fmt: skip
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = 'earthgazer'"
        )
        for schema, name in cursor.fetchall():
            dump = io.BytesIO()
            cursor.copy_expert(
                sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(schema, name)).as_string(link), dump
            )
            # Bytes are dumped as hexadecimal digits.
            hexed = {f"{kind}, in bytes": word.encode().hex() for kind, word in words.items()}
            search(tally, {**words, **hexed}, f"table {name}", dump.getvalue())
            tally.did("tables dumped")
        cursor.execute("SELECT count(*) FROM earthgazer.task_messages WHERE is_sealed")
        sealed = cursor.fetchone()
        tally.check(sealed and sealed[0] >= 3, f"{sealed} stored bodies are sealed")


def check_console(
    tally: Tally, services: CampaignServices, words: dict[str, str], *, with_database: bool
) -> None:
    """Walk through all screens and what lies beneath them."""
    env = services.env(with_database=with_database)
    where = "the console " + ("with history" if with_database else "of a foreign fleet")
    with Terminal(services.console(), columns=200, lines=60, env=env, cwd=services.directory) as terminal:
        terminal.wait_for("1 Overview", timeout_s=60)
        settle(terminal)
        publish(services.client, hidden_events(words, 1_790_000_000.0))
        seen = "".join(walk(terminal).values())
        for digit, rows in (("5", 7), ("7", 9), ("3", 2)):
            terminal.press(digit)
            settle(terminal)
            for _ in range(rows):
                terminal.press("enter")
                settle(terminal, 0.15, 1.5)
                seen += shown_on(terminal)
                terminal.press("escape")
                settle(terminal, 0.1, 0.8)
                terminal.press("down")
        tally.check("***" in seen or "hidden" in seen, f"{where} showed no arguments at all")
        search(tally, words, where, bytes(terminal.received))
        for process in (terminal.process, *terminal.process.children(recursive=True)):
            search(tally, words, "a process list", " ".join(process.cmdline()))
        terminal.press("5")
        settle(terminal)
        for suffix in ("csv", "json"):
            target = services.directory / f"out-{with_database}.{suffix}"
            terminal.press(":", *f"export {target}", "enter")
            settle(terminal, 0.4, 3.0)
            if target.exists():
                search(tally, words, f"an export of {where}", target.read_bytes())
                tally.did("exports")
        terminal.press("ctrl+c")
        terminal.wait_exit()


def check_command_line(
    tally: Tally, services: CampaignServices, words: dict[str, str], ids: list[str]
) -> None:
    """Run what reads, for people and as JSON."""
    wanted = (
        *(words_ for words_ in COMMANDS if words_[-1] not in ("task_id-1", "run_id-1", "3", "hostile")),
        *(("tasks", "show", task_id) for task_id in ids), ("queues", "peek", "hush"), ("queues", "held", "hush"),
    )  # fmt: skip
    for command in wanted:
        done = subprocess.run(
            services.command(*command, "--json"), env=services.env(), cwd=services.directory,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        search(tally, words, f"earthgazer {' '.join(command)}", done.stdout + done.stderr)
        tally.did("commands run")


@contextmanager
def recording(services: CampaignServices, words: dict[str, str], tally: Tally) -> Iterator[None]:
    """Record what happens inside, and look at it."""
    path = services.directory / "hush.egr"
    with subprocess.Popen(
        services.command("record", str(path)), env=services.env(), cwd=services.directory,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as recorder:  # fmt: skip
        eventually(services.client.pubsub_numpat, "a recorder that listens")
        yield
        publish(services.client, hidden_events(words, 1_790_000_000.0))
        recorder.terminate()
        search(tally, words, "what earthgazer record says", b"".join(recorder.communicate(timeout=60)))
    for segment in services.directory.glob("hush.*egr*"):
        with (
            segment.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader,
        ):
            # What a task of somebody else's writes into its errors is known from no name.
            named = {kind: words[kind] for kind in ("event", "message", "url", "error")}
            search(tally, named, "a recording", reader.read())
            tally.did("recordings")


def campaign(tally: Tally, seed: int, *, with_command_line: bool = True) -> None:
    """Do all of it."""
    words = secrets_of(seed)
    with campaign_services() as services:
        work = services.directory / "work"
        work.mkdir()
        config = ForeignConfig(
            services.valkey.url, services.postgres.url, work, Fernet.generate_key().decode()
        )
        with foreign_fleet(config, services.database) as fleet, recording(services, words, tally):
            fleet.start_worker(options=("-E",))
            plant(fleet, words)
            tally.say("tasks ran")
            ids = [row["task_id"] for row in fleet.rows("select task_id from earthgazer.task_executions")]
        hidden = envelope(
            {"id": "m1", "task": "far.login", "argsrepr": "()", "kwargsrepr": f"{{'password': '{words['message']}'}}"},
            [[], {"password": words["message"], "url": f"redis://:{words['url']}@h"}, {}],
        )  # fmt: skip
        services.client.lpush("hush", hidden)
        services.client.sadd("_kombu.binding.hush", "hush\x06\x16\x06\x16hush")
        check_tables(tally, services, words)
        passwords = {
            "broker": services.valkey.url.split(":")[2].split("@")[0],
            "database": str(make_url(services.postgres.url).password),
        }
        words |= passwords
        tally.say("tables dumped")
        if with_command_line:
            check_command_line(tally, services, words, ids)
            tally.say("command line done")
        check_console(tally, services, words, with_database=False)
        check_console(tally, services, words, with_database=True)
        home = services.directory / "home"
        for path in (
            *home.rglob("*.log*"),
            *home.rglob("*.jsonl"),
            services.directory / "work" / "worker.log",
            *(services.directory / "s").rglob("*.log"),
        ):
            if path.is_file():
                # What a worker of somebody else's app logs is not ours to hide; ours are searched for all.
                ours = passwords if path.name == "worker.log" else words
                search(tally, ours, f"the file {path.name}", path.read_bytes())
                tally.did("log files")
        for process in psutil.process_iter():
            try:
                search(
                    tally,
                    passwords,
                    f"the command line of process {process.pid}",
                    " ".join(process.cmdline()),
                )
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue


def main() -> int:
    """Run the campaign."""
    wanted = arguments("Secrets in everything that comes out.", 60.0)
    tally = Tally(f"secrets, seed {wanted.seed}")
    campaign(tally, wanted.seed)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
