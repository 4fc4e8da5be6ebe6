"""Messages that come twice, on real workers: copies, late acknowledgement, memory, crash, broker, shutdown.

Run ``python -m tests.campaigns.redelivery [--seed S] [--seeds K]``. A process that takes too much memory is
killed by a watcher with the kernel's own signal: the kernel's killer keeps to a memory cgroup, which only
root may make, or an owner of a delegated one, and without it would pick its victim among all processes of the
machine. What ``RLIMIT_AS`` does instead, an allocation that fails, is a case of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil
from celery import Celery, chain, chord
from pydantic import SecretStr
from sqlalchemy import func, select

from earthgazer_core.celery_app import make_app
from earthgazer_core.db.repositories import captures as known
from earthgazer_core.db.tables import ArtifactRow, TaskExecutionRow
from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations.dead_letters import list_dead_letters
from earthgazer_core.operations.retry import Retrier
from earthgazer_core.recorder.install import recorders
from earthgazer_core.settings import (
    CelerySettings,
    DatabaseSettings,
    EarthGazerSettings,
    RecorderSettings,
    StorageSettings,
)
from earthgazer_core.storage import ObjectStorage
from earthgazer_core.tasks.files import capture_of_files
from tests.campaigns.chaos_catalogue import BANDS, band_file
from tests.campaigns.services import CampaignServices, campaign_services
from tests.campaigns.tally import Tally

T = TypeVar("T")

_VISIBILITY_S = 4.0
"""Messages of a paused worker are given to others after this."""
_MOST_RSS_BYTES = 400 * 1024 * 1024
_PATIENCE_S = 60.0
_ROOT = Path(__file__).resolve().parents[2]
_SENSED = datetime(2021, 6, 1, 11, 20, tzinfo=UTC)


@dataclass
class Fleet:
    """Workers of :mod:`tests.campaigns.redelivery_app` on services of the campaign's own."""

    services: CampaignServices
    tally: Tally
    app: Celery
    settings: EarthGazerSettings

    def __post_init__(self) -> None:
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._log = self.services.directory / "worker.log"

    def start(self, name: str, *, visibility_s: float | None = None) -> None:
        """Start a worker and wait until it takes tasks."""
        environment = self._environment()
        if visibility_s is not None:
            environment["REDELIVERY_VISIBILITY_S"] = str(visibility_s)
        with self._log.open("ab") as log:
            self._workers[name] = subprocess.Popen(
                [
                    sys.executable, "-m", "celery", "-A", "tests.campaigns.redelivery_app", "worker",
                    "--concurrency", "1", "--hostname", f"{name}@test", "--loglevel", "INFO",
                    "--queues", "default,io_queue,cpu_queue", "--without-mingle", "--without-gossip",
                ],
                cwd=_ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        ready = f"{name}@test ready"
        self.until(lambda: ready in self._log.read_text(errors="replace"), ready)

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask a worker to end, without waiting."""
        self._workers[name].send_signal(number)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Signal a worker with its pool."""
        os.killpg(self._workers[name].pid, number)

    def ended(self, name: str) -> int:
        """Wait until a worker has ended; return its exit code."""
        return self._workers.pop(name).wait(_PATIENCE_S)

    def pool(self, name: str) -> list[psutil.Process]:
        """Return the processes of a worker's pool."""
        try:
            return psutil.Process(self._workers[name].pid).children()
        except psutil.NoSuchProcess:
            return []

    def begun(self, word: str) -> int:
        """How often a task has begun."""
        return self.journal()[f"begin {word}"]

    def journal(self) -> Counter[str]:
        """What tasks noted beside Celery."""
        path = self.services.directory / "journal"
        return Counter(path.read_text().splitlines()) if path.exists() else Counter()

    def row(self, task_id: str) -> TaskExecutionRow | None:
        """A task on the record."""
        with self.services.database.session() as session:
            return session.get(TaskExecutionRow, task_id)

    def until_state(self, task_id: str, *states: str) -> TaskExecutionRow:
        """Wait until a task is in one of these states on the record."""
        return self.until(
            lambda: row if (row := self.row(task_id)) is not None and row.state in states else None,
            f"{task_id} to be {' or '.join(states)}",
        )

    def until_quiet(self) -> None:
        """Wait until no message waits and none is held."""
        client = self.services.client
        self.until(
            lambda: not client.exists("unacked") and not any(client.scan_iter("*_queue*", _type="list"))
            and not any(client.scan_iter("default*", _type="list")),
            "the end of all messages",
        )  # fmt: skip
        client.close()

    def until(self, probe: Callable[[], T | None], what: str) -> T:
        """Wait until a probe is true."""
        deadline = time.monotonic() + _PATIENCE_S
        while not (answer := probe()):
            if time.monotonic() > deadline:
                tail = self._log.read_text(errors="replace")[-1500:] if self._log.exists() else ""
                raise TimeoutError(f"not within {_PATIENCE_S:.0f} s: {what}\n{tail}")
            time.sleep(0.05)
        return answer

    def send(self, name: str, *args: Any) -> str:
        """Send a task of the default queue."""
        return str(self.app.send_task(f"earthgazer.default.{name}", args).id)

    def close(self) -> None:
        """End all workers, and what publishes."""
        for worker in self._workers.values():
            # One that has ended by itself may have left its pool, or nothing at all.
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        self._workers.clear()
        for recorder in recorders(self.app):
            recorder.close()
        consumer: Any = self.app.backend.result_consumer  # type: ignore[attr-defined]
        consumer.stop()
        consumer.subscribed_to.clear()
        self.app.close()

    def _environment(self) -> dict[str, str]:
        return {
            **self.services.env(),
            "EARTHGAZER__RECORDER__FLUSH_INTERVAL_S": "0.05",
            "REDELIVERY_DIRECTORY": str(self.services.directory),
        }


def deliver_twice(fleet: Fleet, dice: random.Random) -> None:
    """Put two copies of each message of products and of a chord into the broker; two workers take them."""
    captures = [_capture(fleet, dice.randrange(1 << 30)) for _ in range(2)]
    kinds = ("compute_ndvi", "generate_rgb")
    before = _journal_of(fleet, "gather")
    ids = [
        str(fleet.app.send_task(f"earthgazer.cpu.{kind}", kwargs={"capture_id": capture}).id)
        for capture in captures for kind in kinds
    ]  # fmt: skip
    linger, gather = (fleet.app.signature(f"earthgazer.default.{name}") for name in ("linger", "gather"))
    word = f"twice{dice.random()}"
    header = [linger.clone((f"{word}-{number}", 0.1)) for number in range(3)]
    body = chord(header)(gather.clone(kwargs={"word": word}))
    with fleet.services.client as client:
        for key in client.scan_iter("*", _type="list"):
            waiting = client.lrange(key, 0, -1)
            fleet.tally.did("messages delivered twice", len(waiting))
            for message in waiting:
                client.linsert(key, "BEFORE", message, message)
    fleet.start("one")
    fleet.start("two")
    for task_id in [*ids, str(body.id)]:
        row = fleet.until_state(task_id, "SUCCESS", "FAILURE")
        fleet.tally.check(row.state == "SUCCESS", f"twice: {row.name} is {row.state}: {row.error_message}")
    fleet.until_quiet()
    with fleet.services.database.session() as session:
        made = session.execute(
            select(ArtifactRow.capture_id, ArtifactRow.kind, func.count())
            .where(ArtifactRow.capture_id.in_(captures))
            .group_by(ArtifactRow.capture_id, ArtifactRow.kind)
        ).all()
        artifacts = session.scalars(select(ArtifactRow).where(ArtifactRow.capture_id.in_(captures))).all()
    fleet.tally.check(sorted(count for *_, count in made) == [1] * 4, f"twice: artifacts {made}")
    store = ObjectStorage(fleet.settings.storage.artifacts_root(), fleet.settings.storage)
    for artifact in artifacts:
        try:
            store.verify(artifact.uri, artifact.sha256)
        except EarthGazerError as error:
            fleet.tally.fault(f"twice: {error}")
    for number in range(3):
        fleet.tally.check(fleet.begun(f"{word}-{number}") == 2, f"twice: not both copies of {number} ran")
    gathered = _journal_of(fleet, "gather") - before
    fleet.tally.check(gathered == 1, f"twice: the chord's body ran {gathered} times")
    _end_all(fleet, "one", "two")


def acknowledge_late(fleet: Fleet, dice: random.Random) -> None:
    """Pause a worker in its task for longer than the visibility timeout; both it and another end the task."""
    word = f"late{dice.random()}"
    linger, gather = (fleet.app.signature(f"earthgazer.default.{name}") for name in ("linger", "gather"))
    before = _journal_of(fleet, "gather")
    fleet.start("one", visibility_s=_VISIBILITY_S)
    body = chord([linger.clone((word, 1.0)), linger.clone((f"{word}-other", 0.0))])(
        gather.clone(kwargs={"word": word})
    )
    fleet.until(lambda: fleet.begun(word) == 1, "the first start")
    time.sleep(dice.uniform(0.0, 0.5))
    fleet.signal("one", signal.SIGSTOP)
    fleet.start("two", visibility_s=_VISIBILITY_S)
    try:
        fleet.until(lambda: fleet.begun(word) == 2, "the second start")
        fleet.tally.did("messages given to a second worker")
        row = fleet.until_state(str(body.id), "SUCCESS", "FAILURE")
    finally:
        fleet.signal("one", signal.SIGCONT)
    fleet.tally.check(row.state == "SUCCESS", f"late: {row.state}: {row.error_message}")
    fleet.until(lambda: fleet.journal()[f"end {word}"] == 2, "the late end")
    fleet.until_quiet()
    _end_all(fleet, "one", "two")
    fleet.tally.check(fleet.begun(word) == 2, f"late: it began {fleet.begun(word)} times")
    gathered = _journal_of(fleet, "gather") - before
    fleet.tally.check(gathered == 1, f"late: the chord's body ran {gathered} times")
    with fleet.services.database.session() as session:
        states = session.scalars(select(TaskExecutionRow.state).distinct()).all()
    fleet.tally.check(not {"STARTED", "RECEIVED", "PENDING"} & set(states), f"late: left {states}")


def run_out_of_memory(fleet: Fleet, dice: random.Random) -> None:
    """Kill a task's process for its memory, as the kernel does, until it is given up; then make it modest."""
    word = f"eat{dice.random()}"
    fleet.start("one")
    with _memory_watched(fleet, "one") as killed:
        task_id = fleet.send("eat", word)
        row = fleet.until_state(task_id, "FAILURE", "SUCCESS")
        fleet.tally.check(row.error_type == "DeadLetterError", f"memory: {row.state} {row.error_type}")
        fleet.until_quiet()
        # Were it a loop, it would go on now.
        after = fleet.send("linger", f"{word}-after", 0.5)
        fleet.until_state(after, "SUCCESS")
        fleet.tally.check(fleet.begun(word) == 2, f"memory: it began {fleet.begun(word)} times")
        fleet.tally.check(len(killed) == 2, f"memory: {len(killed)} processes were killed")
    fleet.tally.did("processes killed for their memory", len(killed))
    with fleet.services.database.session() as session:
        dead = [letter.task_id for letter in list_dead_letters(session)]
    fleet.tally.check(task_id in dead, "memory: it is no dead letter")
    (fleet.services.directory / f"modest-{word}").touch()
    Retrier(fleet.services.database, fleet.app).retry(task_id)
    row = fleet.until_state(task_id, "SUCCESS")
    fleet.tally.check(row.attempt == 2, f"memory: attempt {row.attempt}")
    _end_all(fleet, "one")


def be_refused_memory(fleet: Fleet, dice: random.Random) -> None:
    """Have allocations of a task fail: it fails, at once and alone, and its process goes on."""
    word = f"starve{dice.random()}"
    fleet.start("one")
    ids = [fleet.send("starve", f"{word}-{number}") for number in range(2)]
    for task_id in ids:
        row = fleet.until_state(task_id, "FAILURE", "SUCCESS")
        is_told = row.error_type == "PermanentError" and "no more memory" in str(row.error_message)
        fleet.tally.check(is_told, f"refused memory: {row.state} {row.error_type}: {row.error_message}")
    fleet.until_quiet()
    starts = [line for line in fleet.journal().elements() if line.startswith(f"begin {word}")]
    fleet.tally.check(len(starts) == 2, f"refused memory: {starts}")
    pids = {line.rpartition(" ")[2] for line in starts}
    fleet.tally.check(len(pids) == 1, f"refused memory: the processes were {pids}")
    with fleet.services.database.session() as session:
        dead = {letter.task_id for letter in list_dead_letters(session)}
    fleet.tally.check(not dead & set(ids), "refused memory: dead letters")
    fleet.tally.did("tasks refused memory", 2)
    _end_all(fleet, "one")


def crash_in_raster(fleet: Fleet, dice: random.Random) -> None:
    """Let native code crash in the middle of a raster until its task is given up; then let it be."""
    capture = _capture(fleet, dice.randrange(1 << 30))
    (fleet.services.directory / f"crash-{capture}").touch()
    fleet.start("one")
    task_id = str(fleet.app.send_task("earthgazer.cpu.compute_ndvi", kwargs={"capture_id": capture}).id)
    row = fleet.until_state(task_id, "FAILURE", "SUCCESS")
    fleet.tally.check(row.error_type == "DeadLetterError", f"crash: {row.state} {row.error_type}")
    fleet.tally.check("signal 11 (SIGSEGV)" in str(row.error_message), f"crash: {row.error_message}")
    fleet.until_quiet()
    # Were it a loop, it would go on now.
    fleet.until_state(fleet.send("linger", f"after-crash{capture}", 0.5), "SUCCESS")
    crashes = fleet.journal()[f"crash {capture}"]
    fleet.tally.check(crashes == 2, f"crash: {crashes} times")
    fleet.tally.did("processes that crashed in native code", crashes)
    with fleet.services.database.session() as session:
        dead = [letter.task_id for letter in list_dead_letters(session)]
        made = session.scalars(select(ArtifactRow.uri).where(ArtifactRow.capture_id == capture)).all()
    fleet.tally.check(task_id in dead, "crash: it is no dead letter")
    fleet.tally.check(not made, f"crash: it made {made}")
    (fleet.services.directory / f"crash-{capture}").unlink()
    Retrier(fleet.services.database, fleet.app).retry(task_id)
    row = fleet.until_state(task_id, "SUCCESS", "FAILURE")
    fleet.tally.check((row.state, row.attempt) == ("SUCCESS", 2), f"crash: {row.state}: {row.error_message}")
    work = fleet.settings.storage.data_path / "work"
    left = list(work.iterdir())
    fleet.tally.did("directories of crashed processes", len(left))
    for directory in left:
        # What has just been made is nobody's leftover yet.
        os.utime(directory, (0, 0))
    swept = fleet.app.send_task("earthgazer.maintenance.sweep_work_files", queue="default")
    fleet.until_state(str(swept.id), "SUCCESS")
    fleet.tally.check(not list(work.iterdir()), f"crash: left {list(work.iterdir())}")
    partial = [str(path) for path in fleet.settings.storage.data_path.rglob(".*") if path.is_file()]
    fleet.tally.check(not partial, f"crash: left {partial}")
    _end_all(fleet, "one")


def shut_down_warm(fleet: Fleet, dice: random.Random) -> None:
    """End a worker in the middle of a long task: it finishes that, and gives back what it had not begun."""
    word = f"warm{dice.random()}"
    fleet.start("one")
    long = fleet.send("linger", f"{word}-long", 3.0)
    fleet.until(lambda: fleet.begun(f"{word}-long"), "the long task")
    waiting = [fleet.send("linger", f"{word}-{number}", 0.1) for number in range(4)]
    time.sleep(dice.uniform(0.0, 1.5))
    fleet.end("one")
    code = fleet.ended("one")
    fleet.tally.check(code == 0, f"warm: exit code {code}")
    fleet.tally.check(fleet.journal()[f"end {word}-long"] == 1, "warm: the long task was cut off")
    row = fleet.until_state(long, "SUCCESS", "FAILURE", "RETRY")
    fleet.tally.check(row.state == "SUCCESS", f"warm: the long task is {row.state}")
    fleet.start("two")
    for task_id in waiting:
        row = fleet.until_state(task_id, "SUCCESS", "FAILURE")
        fleet.tally.check(row.state == "SUCCESS", f"warm: {row.state}: {row.error_message}")
    fleet.until_quiet()
    for name in ("long", *range(4)):
        times = fleet.begun(f"{word}-{name}")
        fleet.tally.check(times == 1, f"warm: {name} began {times} times")
    fleet.tally.did("workers ended warm")
    _end_all(fleet, "two")


def lose_broker(fleet: Fleet, dice: random.Random) -> None:
    """Take the broker away while a task of a chain ends: it does not fail, and the next one follows."""
    words = [f"chain{dice.random()}-{number}" for number in range(2)]
    fleet.start("one")
    steps = [fleet.app.signature("earthgazer.default.linger", (word, 1.0), immutable=True) for word in words]
    last: Any = chain(*steps).apply_async()
    fleet.until(lambda: fleet.begun(words[0]), "the first task")
    server = fleet.services.valkey
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    fleet.until(lambda: fleet.journal()[f"end {words[0]}"], "the end of the first task")
    time.sleep(dice.uniform(1.0, 3.0))
    server.start()
    for task_id in (str(last.parent.id), str(last.id)):
        row = fleet.until_state(task_id, "SUCCESS", "FAILURE")
        fleet.tally.check(row.state == "SUCCESS", f"broker: {row.state}: {row.error_message}")
    fleet.until_quiet()
    for word in words:
        # A connection that is lost and back at once lets a worker give back what it runs.
        fleet.tally.check(fleet.begun(word) in (1, 2), f"broker: {word} began {fleet.begun(word)} times")
    fleet.tally.did("brokers taken away")
    _end_all(fleet, "one")


CASES = (
    lose_broker, deliver_twice, acknowledge_late, run_out_of_memory, be_refused_memory, crash_in_raster,
    shut_down_warm,
)  # fmt: skip


def campaign(
    tally: Tally, seed: int, cases: tuple[Callable[[Fleet, random.Random], None], ...] = CASES
) -> None:
    """Do each once, in an order that the seed draws."""
    dice = random.Random(seed)
    order = dice.sample(cases, k=len(cases))
    with _fleet(tally) as fleet:
        for case in order:
            try:
                case(fleet, dice)
            except (TimeoutError, subprocess.TimeoutExpired) as error:
                tally.fault(f"{case.__name__}: {error}")
                fleet.close()
                return
            tally.say(f"seed {seed}: {case.__name__}")


@contextmanager
def _fleet(tally: Tally) -> Iterator[Fleet]:
    with campaign_services() as services:
        settings = EarthGazerSettings(
            _env_file=None,  # type: ignore[call-arg]
            celery=CelerySettings(broker_url=SecretStr(services.valkey.url)),
            database=DatabaseSettings(url=SecretStr(services.postgres.url)),
            storage=StorageSettings(data_path=services.directory / "data"),
            recorder=RecorderSettings(spool_path=services.directory / "spool", flush_interval_s=0.05),
        )
        fleet = Fleet(services, tally, make_app(settings), settings)
        try:
            yield fleet
        finally:
            fleet.close()


@contextmanager
def _memory_watched(fleet: Fleet, worker: str) -> Iterator[list[int]]:
    """Kill each process of a worker's pool that takes too much, until the context ends."""
    killed: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            for child in fleet.pool(worker):
                try:
                    if child.pid not in killed and child.memory_info().rss > _MOST_RSS_BYTES:
                        child.kill()
                        killed.append(child.pid)
                except psutil.NoSuchProcess:
                    continue

    watcher = threading.Thread(target=watch, name="memory-watch")
    watcher.start()
    try:
        yield killed
    finally:
        over.set()
        watcher.join()


def _capture(fleet: Fleet, number: int) -> int:
    files = []
    for band in BANDS:
        path = fleet.services.directory / f"{band}.tif"
        if not path.exists():
            path.write_bytes(band_file(0, band))
        files.append((band, path))
    capture = capture_of_files(
        "SENTINEL-2A", _SENSED, files, product_id=f"twice-{number}", baseline="03.00", level="L2A",
        mask_policy="none",
    )  # fmt: skip
    with fleet.services.database.session() as session:
        return int(known.add(session, capture).id)


def _journal_of(fleet: Fleet, first: str) -> int:
    return sum(count for line, count in fleet.journal().items() if line.startswith(first))


def _end_all(fleet: Fleet, *names: str) -> None:
    for name in names:
        fleet.end(name)
    for name in names:
        fleet.ended(name)


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description="Messages that come twice.")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    wanted = parser.parse_args()
    tally = Tally(f"redelivery, seeds {wanted.seed} to {wanted.seed + wanted.seeds - 1}")
    for seed in range(wanted.seed, wanted.seed + wanted.seeds):
        campaign(tally, seed)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
