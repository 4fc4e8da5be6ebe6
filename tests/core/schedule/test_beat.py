"""Real beats: nothing due is lost, nothing is sent twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from earthgazer_core.db.migrations import upgrade
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations.schedule import run_now, set_enabled, set_interval
from earthgazer_core.schedule.entries import task_id_of
from earthgazer_core.settings import CelerySettings, DatabaseSettings, EarthGazerSettings
from earthgazer_core.stack.postgres import PostgresServer
from earthgazer_core.stack.valkey import ValkeyServer
from tests.core.schedule.beats import NEVER_S, TASK, Beats, every

pytestmark = pytest.mark.fleet


def test_a_run_due_while_beat_was_down_is_sent_once(beats: Beats) -> None:
    schedule = {"sweep": every(600, kwargs={"older_than_s": 5}, options={"expires": 900})}
    beats.seed(schedule)
    beats.set_due("sweep", "5 hours")
    assert beats.entry("sweep").is_late
    beats.start(schedule)
    beats.until(lambda: beats.runs_of("sweep"), "the missed run")
    entry = beats.entry("sweep")
    assert entry.next_run_at is not None
    assert entry.last_run_at is not None
    assert abs((entry.next_run_at - entry.last_run_at).total_seconds() - 600) < 5
    assert not entry.is_late
    [message] = beats.messages()
    assert (message.task_id, message.name) == (entry.last_task_id, TASK)
    assert "'older_than_s': 5" in message.kwargs_repr
    assert message.headers["expires"] is not None
    assert entry.total_runs == 1


def test_a_beat_killed_before_a_due_time_and_started_after_it_loses_no_run(beats: Beats) -> None:
    schedule = {"sweep": every(4)}
    beat = beats.start(schedule)
    beats.until(lambda: beats.entries(), "the entry")
    beats.kill(beat)
    entry = beats.entry("sweep")
    assert (entry.total_runs, beats.messages()) == (0, ())
    due_at = entry.next_run_at
    assert due_at is not None
    beats.until(lambda: datetime.now(UTC) > due_at, "the due time, with nobody there")
    assert beats.messages() == ()
    beats.start(schedule)
    beats.until(lambda: beats.runs_of("sweep"), "the run that was due")
    assert beats.entry("sweep").last_due_at == due_at
    assert beats.sent_ids()[task_id_of("sweep", due_at)] == 1


@pytest.mark.parametrize("die", ["before", "after"])
def test_a_beat_killed_around_publishing_neither_loses_nor_doubles_the_run(beats: Beats, die: str) -> None:
    schedule = {"sweep": every(NEVER_S)}
    beats.seed(schedule)
    beats.set_due("sweep", "1 minute")
    killed = beats.start(schedule, die=die)
    beats.until(lambda: killed.poll() == -signal.SIGKILL, "the death")
    [claimed] = beats.unsent()
    assert len(beats.messages()) == (1 if die == "after" else 0)
    assert beats.runs_of("sweep") == 0
    beats.start(schedule)
    beats.until(lambda: beats.runs_of("sweep"), "the run taken up")
    assert beats.sent_ids() == {claimed: 1}
    assert beats.entry("sweep").last_task_id == claimed
    assert beats.unsent() == []


def test_beats_killed_at_any_time_send_every_run_once(beats: Beats) -> None:
    schedule = {f"sweep{number}": every(1) for number in range(3)}
    for round_ in range(1, 3):
        beat = beats.start(schedule)
        beats.until(lambda: beats.runs_of("sweep0") >= 2 * round_, "some runs")  # noqa: B023
        beats.kill(beat)
    beats.start(schedule)
    beats.until(lambda: beats.runs_of("sweep0") >= 6, "some runs more")
    for name in schedule:
        set_enabled(beats.database, name, False)
    beats.until(lambda: not beats.unsent(), "the last runs")
    sent = beats.sent_ids()
    assert set(sent.values()) == {1}
    assert sent.total() == sum(one.total_runs for one in beats.entries())


def test_two_beats_send_nothing_twice(beats: Beats) -> None:
    schedule = {f"sweep{number}": every(1) for number in range(4)}
    pair = [beats.start(schedule), beats.start(schedule)]
    beats.until(lambda: min((one.total_runs for one in beats.entries()), default=0) >= 4, "four runs of each")
    for beat in pair:
        beats.stop(beat)
    sent = beats.sent_ids()
    assert set(sent.values()) == {1}
    assert sent.total() == sum(one.total_runs for one in beats.entries())


def test_what_is_switched_off_is_not_sent_until_it_is_switched_on(beats: Beats) -> None:
    schedule = {"clock": every(1), "sweep": every(1)}
    beats.seed(schedule)
    assert set_enabled(beats.database, "sweep", False).next_run_at is None
    before = beats.runs_of("sweep")
    beats.start(schedule)
    beats.until(lambda: beats.runs_of("clock") >= 3, "the other entry's runs")
    assert beats.runs_of("sweep") == before
    set_enabled(beats.database, "sweep", True)
    beats.until(lambda: beats.runs_of("sweep") > before, "its run", 5)


def test_a_changed_interval_counts_within_two_seconds_and_survives(beats: Beats) -> None:
    schedule = {"sweep": every(NEVER_S)}
    beat = beats.start(schedule)
    beats.until(beats.entries, "the seed")
    changed_at = time.monotonic()
    set_interval(beats.database, "sweep", 1)
    beats.until(lambda: beats.runs_of("sweep"), "a run")
    # One second of interval, at most one until beat looks, and some for a machine under load.
    assert time.monotonic() - changed_at < 4
    beats.stop(beat)
    before = beats.runs_of("sweep")
    beats.start(schedule)
    beats.until(lambda: beats.runs_of("sweep") > before + 1, "runs after the restart")
    assert beats.entry("sweep").timing == "every 1 s"


def test_running_now_leaves_the_schedule_alone(beats: Beats) -> None:
    schedule = {"sweep": every(NEVER_S, args=[7.0])}
    beats.seed(schedule)
    before = beats.entry("sweep")
    set_enabled(beats.database, "sweep", False)
    sent = run_now(beats.database, beats.app, "sweep")
    [message] = beats.messages()
    assert (message.task_id, message.args_repr) == (sent.task_id, "[7.0]")
    set_enabled(beats.database, "sweep", True)
    after = beats.entry("sweep")
    assert (after.last_task_id, after.total_runs, after.last_due_at) == (sent.task_id, 1, None)
    assert after.next_run_at is not None
    assert before.next_run_at is not None
    assert after.next_run_at >= before.next_run_at


def test_an_entry_that_cannot_be_sent_does_not_keep_others_from_it(beats: Beats) -> None:
    schedule = {"broken": every(1, options={"serializer": "no such"}), "sweep": every(1)}
    beats.start(schedule)
    beats.until(lambda: beats.runs_of("sweep") >= 2, "the others' runs")
    broken = beats.entry("broken")
    assert broken.total_runs == 0
    assert "can't be sent" in broken.last_error


def test_beat_waits_for_the_database_and_catches_up(
    broker_url: str, short_directory: Path, tmp_path: Path
) -> None:
    server = PostgresServer(short_directory, is_durable=False, dies_with_parent=True)
    server.start()
    with _beats_on(broker_url, server.url, tmp_path) as beats:
        try:
            upgrade(beats.database.engine)
            beats.database.dispose()
            server.stop()
            beat = beats.start({"sweep": every(1)})
            beats.until(lambda: "beat waits for the database" in beats.log, "a beat that starts without")
            server.start()
            beats.until(lambda: beats.runs_of("sweep") >= 2, "runs")
            beats.database.dispose()
            server.stop()
            beats.until(lambda: beats.log.count("beat waits for the database") == 2, "the second outage")
            assert beat.poll() is None
            server.start()
            before = beats.runs_of("sweep")
            beats.until(lambda: beats.runs_of("sweep") > before, "runs after the outage")
            beats.stop(beat)
            assert beats.log.count("beat waits for the database") == 2
            assert beats.log.count("the database is back") == 2
            assert "Traceback" not in beats.log
            sent = beats.sent_ids()
            assert set(sent.values()) == {1}
            assert sent.total() == beats.runs_of("sweep")
        finally:
            server.stop()


def test_beat_waits_for_the_broker_and_sends_what_was_due_once(
    migrated_database_url: str, short_directory: Path, tmp_path: Path
) -> None:
    server = ValkeyServer(short_directory, dies_with_parent=True)
    server.start()
    with _beats_on(server.url_of(0), migrated_database_url, tmp_path) as beats:
        try:
            schedule = {"sweep": every(NEVER_S)}
            beats.seed(schedule)
            server.stop()
            beats.set_due("sweep", "1 minute")
            beats.start(schedule)
            beats.until(lambda: "beat waits for the broker" in beats.log, "the outage")
            with pytest.raises(ServiceUnavailableError, match="broker"):
                run_now(beats.database, beats.app, "sweep")
            assert beats.runs_of("sweep") == 0
            server.start()
            beats.until(lambda: beats.runs_of("sweep"), "the run")
            assert list(beats.sent_ids().values()) == [1]
            assert beats.log.count("beat waits for the broker") == 1
        finally:
            server.stop()


def test_beat_says_what_to_do_where_nothing_was_migrated(
    broker_url: str, database_url: str, tmp_path: Path
) -> None:
    with _beats_on(broker_url, database_url, tmp_path) as beats:
        beats.start({"sweep": every(1)})
        beats.until(lambda: "run `earthgazer db upgrade`" in beats.log, "the hint")
        upgrade(beats.database.engine)
        beats.until(lambda: beats.runs_of("sweep"), "a run")


@contextmanager
def _beats_on(broker_url: str, database_url: str, directory: Path) -> Iterator[Beats]:
    settings = EarthGazerSettings(
        _env_file=None,  # type: ignore[call-arg]
        database=DatabaseSettings(url=database_url),  # type: ignore[arg-type]
        celery=CelerySettings(broker_url=broker_url),  # type: ignore[arg-type]
    )
    database = Database(make_engine(settings.database))
    beats = Beats(settings, database, directory)
    try:
        yield beats
    finally:
        beats.close()
        database.dispose()
