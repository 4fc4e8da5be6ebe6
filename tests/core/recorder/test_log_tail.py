"""What a task logged before it failed, on real workers and in all the ways that logging goes wrong."""

from __future__ import annotations

import asyncio
import contextvars
import io
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from earthgazer_core.operations.executions import ExecutionDetail, show_execution
from earthgazer_core.recorder.log_tail import MOST_CHARACTERS, MOST_RECORDS, LogTail
from earthgazer_core.recorder.masking import TextMask
from tests.core.recorder.fleet import ForeignFleet, eventually

mask = TextMask(["password"])
logger = logging.getLogger("tests.log_tail")


@pytest.fixture
def tail() -> Iterator[LogTail]:
    tail = LogTail()
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield tail
    logger.setLevel(level)
    tail.detach()


def logged(tail: LogTail, hidden: tuple[str, ...] = ()) -> str:
    return tail.excerpt("t", hidden, mask) or ""


def test_the_last_records_of_the_task_are_kept(tail: LogTail) -> None:
    logger.warning("before")
    tail.begin("t")
    logger.debug("too fine")
    for number in range(MOST_RECORDS + 5):
        logger.info("line %d", number)
    lines = logged(tail).splitlines()
    assert [line.partition(" ")[2] for line in lines] == [
        f"INFO line {number}" for number in range(5, MOST_RECORDS + 5)
    ]
    assert tail.excerpt("another", (), mask) is None
    tail.end("another")
    assert logged(tail)
    tail.end("t")
    logger.info("after")
    assert tail.excerpt("t", (), mask) is None


def test_an_excerpt_is_bounded_and_keeps_the_end(tail: LogTail) -> None:
    tail.begin("t")
    for number in range(20):
        logger.info("%d %s", number, "x" * 100_000)
    text = logged(tail)
    assert len(text) <= MOST_CHARACTERS
    assert text.splitlines()[-1].partition("INFO ")[2].startswith("19 xxx")
    assert text.endswith("…")


def test_secrets_are_masked_before_anything_is_cut(tail: LogTail) -> None:
    tail.begin("t")
    logger.info("login %s with password='horse' at redis://ann:battery@host/0", "staple-correct")
    # What is long is cut inside of a secret, wherever that lies.
    for start in range(7_900, 8_300, 23):
        logger.info("%s%s", "y" * start, "staple-correct" * 20)
    logger.info("%s", " ".join(["redis://ann:battery-horse@host"] * 400))
    text = logged(tail, ("staple-correct",))
    assert "password=***" in text or "***" in text
    assert not [word for word in ("staple", "horse", "battery", "correct") if word in text]


def test_what_cannot_be_formatted_hurts_no_task(tail: LogTail, monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    class Late:
        def __str__(self) -> str:
            raise SoftTimeLimitExceeded

    monkeypatch.setattr(logging, "raiseExceptions", False)
    tail.begin("t")
    logger.info("one %s", Odd())
    logger.info("two %d", "x")
    assert [line[9:] for line in logged(tail).splitlines()] == [
        "INFO one %s (can't be formatted: RuntimeError)",
        "INFO two %d (can't be formatted: TypeError)",
    ]
    with pytest.raises(SoftTimeLimitExceeded):
        tail.emit(logging.LogRecord("a", logging.INFO, "", 1, "%s", (Late(),), None))


def test_contexts_do_not_mix_and_coroutines_belong_to_their_task(tail: LogTail) -> None:
    both = threading.Barrier(2, timeout=10)
    texts: dict[str, str | None] = {}

    async def inner(name: str) -> None:
        logger.info("%s in a coroutine", name)
        await asyncio.to_thread(logger.info, "%s in a thread of it", name)

    def run(name: str) -> None:
        tail.begin(name)
        both.wait()
        logger.info("%s begins", name)
        both.wait()
        asyncio.run(inner(name))
        texts[name] = tail.excerpt(name, (), mask)

    threads = [threading.Thread(target=contextvars.Context().run, args=(run, name)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for name in "ab":
        assert [line.split("INFO ")[1] for line in (texts[name] or "").splitlines()] == [
            f"{name} begins", f"{name} in a coroutine", f"{name} in a thread of it",
        ]  # fmt: skip


def test_a_logger_that_keeps_its_records_is_heard_once(tail: LogTail) -> None:
    own = logging.getLogger("tests.log_tail_own")
    quiet = logging.getLogger("tests.log_tail_quiet")
    own.propagate = quiet.propagate = False
    own.addHandler(handler := logging.StreamHandler(io.StringIO()))
    quiet.addHandler(silence := logging.NullHandler())
    try:
        tail.begin("t")
        own.getChild("child").warning("heard")
        quiet.warning("silenced by its author")
        assert [line[9:] for line in logged(tail).splitlines()] == ["WARNING heard"]
    finally:
        own.removeHandler(handler)
        quiet.removeHandler(silence)
        tail.detach()
    assert own.handlers == quiet.handlers == []


@pytest.mark.fleet
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_each_failed_try_keeps_its_own_log(fleet: ForeignFleet, pool: str) -> None:
    fleet.start_worker(pool=pool)
    talk = fleet.app.tasks["steps.talk"]
    tasks = {word: talk.delay(word, "go", ends="later") for word in ("ann", "bob")}
    fine = talk.delay("cat", "go", ends="well")
    # Two of them run at once.
    eventually(lambda: len(fleet.journal()) >= 2, "both begun")
    fleet.raise_flag("go")
    fleet.until(fine.id, "SUCCESS")
    for word, task in tasks.items():
        fleet.until(task.id, "FAILURE")
        detail = eventually(lambda: both_tries(fleet, task.id), "both tries")  # noqa: B023 - asked at once
        [earlier] = detail.earlier_tries
        assert earlier.state == "RETRY"
        assert "ConnectionError" in earlier.traceback
        assert "LookupError" in detail.traceback
        for n, log in enumerate((earlier.log, detail.log)):
            assert [line.partition(" ")[2] for line in log.splitlines()] == [
                *(f"INFO {word} {number} of try {n}" for number in range(3)),
                f"WARNING {word} of a library, password=***",
                f"ERROR could not {word}",
                f" KeyError: '{word}'",
            ]
    assert not [row for row in changes(fleet, fine.id) if "log" in (row["detail"] or {})]


def both_tries(fleet: ForeignFleet, task_id: str) -> ExecutionDetail | None:
    with fleet.database.session() as session:
        detail = show_execution(session, task_id)
    return detail if detail.earlier_tries and detail.log else None


def changes(fleet: ForeignFleet, task_id: str) -> list[dict[str, Any]]:
    return fleet.rows("select * from earthgazer.task_state_changes where task_id = :id", id=task_id)
