"""The broker's own state, the database and the disks."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from earthgazer_core.db import migrations
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.operations.broker import RedisBroker
from earthgazer_core.operations.doctor import Finding, FleetAccess, Severity, Thresholds, diagnose
from earthgazer_core.operations.doctor.apply import Hands
from earthgazer_core.schedule import entries
from earthgazer_core.schedule.seeds import Seed
from earthgazer_core.schedule.timing import Timing
from earthgazer_core.settings import DatabaseSettings
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.core.operations.doctor.watched_fleet import WatchedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet


@contextmanager
def broker_on(server: ValkeyServer) -> Iterator[FleetAccess]:
    broker = RedisBroker.from_url(server.url)
    yield FleetAccess(app=broker._app, broker=broker)
    broker.close()


def found_on(server: ValkeyServer, limits: Thresholds | None = None) -> dict[str, Finding]:
    with broker_on(server) as access:
        return {one.check: one for one in diagnose(replace(access, thresholds=limits or Thresholds()))}


def apply_on(server: ValkeyServer, found: Finding) -> str:
    assert found.remedy is not None
    with broker_on(server) as access:
        return Hands(access).apply(found.remedy)


@pytest.fixture
def server(short_directory: Path) -> Iterator[ValkeyServer]:
    """A broker whose configuration is the test's own."""
    server = ValkeyServer(short_directory, dies_with_parent=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: ValkeyServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.redis_py_url) as client:
        yield client


def test_memory_eviction_and_persistence(server: ValkeyServer, client: redis.Redis) -> None:
    assert found_on(server) == {}
    client.config_set("appendonly", "no")
    assert set(found_on(server)) == {"broker-persistence"}
    assert apply_on(server, found_on(server)["broker-persistence"]).startswith("appendonly is yes")
    assert found_on(server) == {}
    client.config_set("appendonly", "no")
    client.config_set("maxmemory", "16mb")
    client.config_set("maxmemory-policy", "allkeys-lru")
    for number in range(13):
        client.set(f"ballast{number}", b"x" * 1_000_000)
    found = found_on(server)
    assert found["broker-evicts"].severity is Severity.CRITICAL
    assert "queued messages are thrown away" in found["broker-evicts"].evidence
    assert "of 16.0 MiB used" in found["broker-memory"].evidence
    client.config_set("maxmemory-policy", "volatile-ttl")
    assert found_on(server)["broker-evicts"].severity is Severity.WARNING
    apply_on(server, found_on(server)["broker-evicts"])
    assert "broker-evicts" not in found_on(server)


def test_a_broker_that_cannot_write(server: ValkeyServer, client: redis.Redis) -> None:
    data = Path(str(client.config_get("dir")["dir"]))
    dump = data / "dump.rdb"
    dump.mkdir()
    (dump / "in the way").touch()
    client.bgsave()
    eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "the failure")
    found = found_on(server)["broker-persistence"]
    assert (found.severity, "rdb_last_bgsave_status" in found.evidence) == (Severity.CRITICAL, True)


def test_a_client_that_reads_too_slowly(server: ValkeyServer, client: redis.Redis) -> None:
    client.config_set("client-output-buffer-limit", "pubsub 64kb 64kb 1")
    with socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(server.socket_path))
        password = client.connection_pool.connection_kwargs["password"]
        slow.sendall(f"AUTH {password}\r\nSUBSCRIBE loud\r\n".encode())
        eventually(lambda: client.pubsub_numsub("loud")[0][1] == 1, "the subscription")
        eventually(lambda: client.publish("loud", b"x" * 100_000) == 0, "the cut")
    assert "1 client cut off" in found_on(server)["slow-subscribers"].evidence


def test_answers_that_nobody_fetches(fleet: WatchedFleet, redis_client: redis.Redis) -> None:
    fleet.start_worker(concurrency=1)
    key = "forgotten.reply.celery.pidbox"
    # What is left of a console that asked and died.
    fleet.app.control.broadcast("ping", reply=False)
    redis_client.lpush(key, "an answer")
    found = fleet.diagnose()
    assert set(found) == {"orphan-replies"}
    assert key in found["orphan-replies"].evidence
    assert found["orphan-replies"].fix == f"redis-cli DEL {key}"
    assert fleet.apply(found["orphan-replies"]) == "1 of 1 lists deleted"
    assert redis_client.exists(key) == 0
    assert fleet.diagnose() == {}


def test_results_that_nobody_reads(fleet: WatchedFleet, redis_client: redis.Redis) -> None:
    fleet.start_worker(concurrency=1)
    tasks = [fleet.app.tasks["steps.add"].delay(number) for number in range(12)]
    fleet.until(tasks[-1].id, "SUCCESS")
    eventually(lambda: len(list(redis_client.scan_iter("celery-task-meta-*"))) == 12, "the results")
    assert fleet.diagnose(results_many=12) == {}
    found = fleet.diagnose(results_many=11)["results-pile-up"]
    assert found.evidence.startswith("12 results take about ")
    assert "of 12 looked at, nobody has read 12" in found.evidence
    assert "ignore_result = True" in found.fix
    for key in redis_client.scan_iter("celery-task-meta-*"):
        redis_client.persist(key)
    forever = fleet.diagnose(results_forever=11)["results-pile-up"]
    assert "12 of 12 never expire" in forever.evidence
    assert forever.fix == "result_expires = 3600"


def test_results_that_somebody_reads(fleet: WatchedFleet, redis_client: redis.Redis) -> None:
    keys = [f"celery-task-meta-{number}" for number in range(12)]
    for key in keys:
        # Written an hour ago by the expiry that is left of it, and touched now.
        redis_client.set(key, b"{}", ex=86_400 - 3_600)
    assert "results-pile-up" not in fleet.diagnose(results_many=11)


def test_a_schedule_that_no_beat_sends(fleet: WatchedFleet) -> None:
    with fleet.database.session() as session:
        entries.seed(session, [Seed("tick", "steps.add", [1], {}, {}, Timing.every(60.0))])
        session.execute(text("UPDATE earthgazer.schedule_entries SET next_due_at = now() - interval '3 min'"))
    found = fleet.diagnose()["schedule-late"]
    assert found.severity is Severity.CRITICAL
    assert "1 periodic task due and not sent, the longest for 3.0 min: tick" in found.evidence
    assert found.fix == "celery -A APP beat"
    with fleet.database.session() as session:
        entries.set_enabled(session, "tick", False)
    assert "schedule-late" not in fleet.diagnose()


def test_a_broker_that_is_gone_hangs_or_comes_back(server: ValkeyServer) -> None:
    with broker_on(server) as access:
        quick = replace(access, service_patience_s=1.0, patience_s=0.5)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)
        try:
            start = time.monotonic()
            hung = diagnose(quick)
            assert time.monotonic() - start < 10
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert [one.check for one in hung] == ["broker-unreachable"]
        assert "gave no answer within 1.5 s" in hung[0].evidence
    server.stop()
    gone = found_on(server)["broker-unreachable"]
    assert gone.severity is Severity.CRITICAL
    assert "broker unavailable" in gone.evidence
    server.start()
    assert found_on(server) == {}


def test_a_database_that_is_away_stops_no_other_check(fleet: WatchedFleet, tmp_path: Path) -> None:
    fleet.app.tasks["steps.add"].delay(1)
    url = f"postgresql+psycopg2://nobody@/none?host={tmp_path}"
    away = Database(make_engine(DatabaseSettings(url=url)))  # type: ignore[arg-type]
    found = {one.check for one in diagnose(fleet.access(database=away))}
    away.dispose()
    assert found == {"database-unreachable", "queue-without-consumer"}


def test_a_database_behind_on_migrations(database_url: str) -> None:
    database = Database(make_engine(DatabaseSettings(url=database_url)))  # type: ignore[arg-type]
    [found] = diagnose(FleetAccess(app=None, database=database))
    assert (found.check, found.fix) == ("database-behind", "earthgazer db upgrade")
    assert "is at nothing" in found.evidence
    migrations.upgrade(database.engine)
    assert diagnose(FleetAccess(app=None, database=database)) == ()
    database.dispose()


def test_a_database_that_is_slow(postgres: PostgresServer, migrated_database_url: str) -> None:
    database = Database(make_engine(DatabaseSettings(url=migrated_database_url)))  # type: ignore[arg-type]
    assert diagnose(FleetAccess(app=None, database=database)) == ()
    database.dispose()
    pid = postgres.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    wake = threading.Timer(0.8, os.kill, (pid, signal.SIGCONT))
    wake.start()
    [found] = diagnose(FleetAccess(app=None, database=database))
    wake.join()
    database.dispose()
    assert (found.check, found.severity) == ("database-slow", Severity.WARNING)


def test_a_database_that_hangs(postgres: PostgresServer, migrated_database_url: str) -> None:
    database = Database(make_engine(DatabaseSettings(url=migrated_database_url)))  # type: ignore[arg-type]
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGSTOP)
    try:
        [found] = diagnose(FleetAccess(app=None, database=database, service_patience_s=0.5))
    finally:
        os.kill(postgres.pid, signal.SIGCONT)
    assert found.evidence == "the database gave no answer within 0.5 s"
    # The look that was given up ends now, and its connection with it.
    eventually(lambda: not any(t.name == "doctor-the database" for t in threading.enumerate()), "the end")
    database.dispose()


def test_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    """The test's own disk, with a limit just above what is free of it."""
    usage = shutil.disk_usage(tmp_path)
    assert (
        diagnose(FleetAccess(app=None, disk_paths=(tmp_path,), thresholds=Thresholds(disk_share=0.0))) == ()
    )
    limits = Thresholds(disk_share=1.0, disk_bytes=usage.total)
    [found] = diagnose(FleetAccess(app=None, disk_paths=(tmp_path / "not" / "yet",), thresholds=limits))
    assert found.check == "disk-nearly-full"
    assert found.fix == f"du -xh --max-depth=1 {tmp_path} | sort -h"


def test_the_clock_of_the_broker(server: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine has one clock for all its processes, so ours is put forward."""
    assert "clock-skew" not in found_on(server)
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + 7200)
    found = found_on(server)["clock-skew"]
    assert (found.subject, "2.0 h behind ours" in found.evidence) == ("broker", True)


def test_a_result_backend_that_is_away(server: ValkeyServer, tmp_path: Path) -> None:
    with broker_on(server) as access:
        assert access.app is not None
        access.app.conf.update(result_backend=f"redis+socket://{tmp_path}/none.sock")
        [found] = diagnose(access)
    assert (found.check, found.subject) == ("broker-unreachable", "result backend")
