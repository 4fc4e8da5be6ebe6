"""Levers on RabbitMQ's queues whose answer is lost: told as not known, with what was surely done."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery
from click.testing import CliRunner
from kombu import Connection, Queue

from earthgazer_core.cli.main import cli
from earthgazer_core.cli.output import UNREACHABLE
from earthgazer_core.errors import ServiceUnavailableError, UnsureError
from earthgazer_core.operations.amqp import link
from earthgazer_core.operations.amqp.walk import Held, Walk
from earthgazer_core.operations.queues.lever_broker import LeverBroker, lever_broker
from earthgazer_core.operations.queues.marks import pause_of
from earthgazer_core.operations.queues.move import move, move_all
from earthgazer_core.operations.queues.pause import pause, resume
from earthgazer_core.operations.queues.peek import peek
from earthgazer_core.operations.queues.purge import preview_purge, purge
from earthgazer_core.operations.queues.remove import remove
from tests.campaigns.faulty_proxy import FaultyProxy
from tests.core.operations.amqp_fleet import AmqpFleet
from tests.core.recorder.fleet import eventually
from tests.rabbitmq import RabbitServer

pytestmark = pytest.mark.fleet

ACK, GET, PUBLISH, QUEUE_DELETE = (
    b"\x00\x3c\x00\x50",
    b"\x00\x3c\x00\x46",
    b"\x00\x3c\x00\x28",
    b"\x00\x32\x00\x28",
)
"""Class and method of AMQP, as they stand on the wire."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of a fifth, so that these tests don't take their time."""
    monkeypatch.setattr(link, "_PATIENCE_S", 1.0)


@pytest.fixture
def fleet(rabbit_fleet: AmqpFleet) -> AmqpFleet:
    return rabbit_fleet


@pytest.fixture
def proxy(rabbitmq: RabbitServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(lambda: socket.create_connection(("127.0.0.1", rabbitmq.port))) as proxy:
        yield proxy


@pytest.fixture
def lossy_url(rabbitmq_url: str, proxy: FaultyProxy) -> str:
    """The broker's URL through the proxy."""
    return urlsplit(rabbitmq_url)._replace(netloc=f"guest:guest@127.0.0.1:{proxy.port}").geturl()


@pytest.fixture
def operator(lossy_url: str) -> Iterator[LeverBroker]:
    """A broker that is reached through the proxy."""
    app = Celery("operator", broker=lossy_url, set_as_current=False)
    app.conf.task_default_queue = "steps"
    with closing(lever_broker(app)) as broker:
        yield broker
    app.close()


def audited(fleet: AmqpFleet) -> tuple[str, str, dict[str, Any]]:
    """Return what the audit keeps last."""
    [row] = fleet.rows(
        "select action, outcome, detail from earthgazer.operator_actions order by id desc limit 1"
    )
    return row["action"], row["outcome"], row["detail"]


def declare(fleet: AmqpFleet, queue: str) -> None:
    with Connection(fleet.config.broker_url) as connection:
        bound: Any = Queue(queue, max_priority=10)(connection)
        bound.declare()


@pytest.mark.parametrize("is_cut", [False, True])
def test_messages_that_may_be_gone_are_not_taken_twice(
    fleet: AmqpFleet, operator: LeverBroker, proxy: FaultyProxy, is_cut: bool
) -> None:
    ids = [fleet.send(number) for number in range(4)]
    eventually(lambda: fleet.waiting() == ids)
    chosen = peek(operator, "steps")[1:3]
    proxy.swallow_answers_to(ACK, then_cuts=is_cut)
    with pytest.raises(UnsureError, match=r"0 removed; .*answer is lost.*whether .* still in steps"):
        remove(operator, chosen, database=fleet.database)
    proxy.heal()
    action, outcome, detail = audited(fleet)
    assert (action, outcome, detail["removed"]) == ("queue.remove", "unsure", 0)
    assert "may" in detail["reason"]
    eventually(lambda: fleet.waiting() == [ids[0], ids[3]], "the others given back")
    assert "REVOKED" not in fleet.states_of(ids)


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_purge_whose_answer_is_lost_counts_nothing_that_may_be_back(
    fleet: AmqpFleet, operator: LeverBroker, proxy: FaultyProxy, is_cut: bool
) -> None:
    ids = [fleet.send(number) for number in range(3)]
    eventually(lambda: fleet.waiting() == ids)
    preview = preview_purge(operator, "steps")
    later = fleet.send(9)
    proxy.swallow_answers_to(ACK, then_cuts=is_cut)
    with pytest.raises(UnsureError, match=r"0 purged; .*answer is lost.*purge what is left"):
        purge(operator, preview, database=fleet.database)
    proxy.heal()
    action, outcome, detail = audited(fleet)
    assert (action, outcome, detail["purged"]) == ("queue.purge", "unsure", 0)
    # Their ends are not written down, or what is still there would count as gone.
    assert "REVOKED" not in fleet.states_of(ids)
    eventually(lambda: fleet.waiting() == [later], "the other given back")
    again = purge(operator, preview, database=fleet.database)
    assert (again.purged, again.left) == (0, 1)


def test_a_purge_that_never_reached_the_broker_is_unsure_and_can_be_done_again(
    fleet: AmqpFleet, operator: LeverBroker, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The acknowledgements are lost themselves: all is back in the queue, and nothing says otherwise."""
    ids = [fleet.send(number) for number in range(3)]
    eventually(lambda: fleet.waiting() == ids)
    preview = preview_purge(operator, "steps")
    discard = Walk.discard

    def lost(self: Walk, held: Held) -> None:
        proxy.swallow("up")
        discard(self, held)

    with monkeypatch.context() as patches:
        patches.setattr(Walk, "discard", lost)
        with pytest.raises(UnsureError, match=r"0 purged; .*answer is lost.*up to 3 messages may be gone"):
            purge(operator, preview, database=fleet.database)
    proxy.heal()
    eventually(lambda: fleet.waiting() == ids, "all given back")
    assert "REVOKED" not in fleet.states_of(ids)
    assert purge(operator, preview_purge(operator, "steps"), database=fleet.database).purged == 3
    assert fleet.states_of(ids) == {"REVOKED"}


def test_a_purge_that_is_done_is_not_called_failed_by_what_comes_after_it(
    fleet: AmqpFleet, operator: LeverBroker, proxy: FaultyProxy
) -> None:
    ids = [fleet.send(number) for number in range(3)]
    eventually(lambda: fleet.waiting() == ids)
    preview = preview_purge(operator, "steps")
    # Its next question is what else is in the queue.
    with pytest.raises(ServiceUnavailableError, match="3 purged before") as caught:
        purge(
            operator, preview, database=fleet.database, on_progress=lambda *_: proxy.swallow_answers_to(GET)
        )
    assert not isinstance(caught.value, UnsureError)
    proxy.heal()
    assert audited(fleet)[2]["purged"] == 3
    assert fleet.states_of(ids) == {"REVOKED"}
    eventually(lambda: fleet.waiting() == [])


def test_a_mark_that_is_there_is_not_called_failed_by_what_comes_after_it(
    fleet: AmqpFleet, operator: LeverBroker, proxy: FaultyProxy
) -> None:
    fleet.send(1)
    eventually(lambda: len(fleet.waiting()) == 1)
    proxy.swallow_answers_to(QUEUE_DELETE)
    assert operator.swap_mark("steps", b"", b"mine")
    proxy.heal()
    assert operator.marks() == {"steps": b"mine"}
    proxy.swallow_answers_to(QUEUE_DELETE)
    assert operator.marks() == {"steps": b"mine"}
    proxy.heal()
    assert operator.depth("steps") == 1
    assert operator.snapshot(["steps"]).queues[0].depth == 1
    # The lock has gone with the connection.
    assert operator.swap_mark("steps", b"mine", b"")


@pytest.mark.parametrize("is_all", [False, True])
@pytest.mark.parametrize("is_cut", [False, True])
def test_what_may_have_been_moved_is_never_lost(
    fleet: AmqpFleet, operator: LeverBroker, proxy: FaultyProxy, is_all: bool, is_cut: bool
) -> None:
    declare(fleet, "idle")
    ids = [fleet.send(number) for number in range(6)]
    eventually(lambda: fleet.waiting() == ids)
    chosen = peek(operator, "steps")
    proxy.swallow_answers_to(ids[3].encode(), then_cuts=is_cut)
    go: Callable[[], Any] = (
        partial(move_all, operator, "steps", to_queue="idle", database=fleet.database)
        if is_all
        else partial(move, operator, chosen, to_queue="idle", database=fleet.database)
    )
    with pytest.raises(UnsureError, match=r"3 moved; .*answer is lost.*one more may have been moved"):
        go()
    proxy.heal()
    action, outcome, detail = audited(fleet)
    assert (action, outcome, detail["moved"]) == ("queue.move", "unsure", 3)
    eventually(lambda: fleet.waiting() == ids[3:], "the others given back")
    there = Counter(fleet.waiting("idle"))
    assert there == Counter(ids[:4])
    # Moving again takes what is left; the one of which nobody knew is there twice.
    assert move_all(operator, "steps", to_queue="idle", database=fleet.database).moved == 3
    assert Counter(fleet.waiting("idle")) == Counter([*ids, ids[3]])


def test_a_pause_and_its_end_whose_mark_may_be_there_say_so(
    fleet: AmqpFleet, operator: LeverBroker, proxy: FaultyProxy
) -> None:
    fleet.send(1)
    eventually(lambda: len(fleet.waiting()) == 1)
    proxy.swallow_answers_to(PUBLISH)
    with pytest.raises(UnsureError, match="steps may have been marked so: look whether it is paused"):
        pause(operator, fleet.mailbox, "steps", timeout_s=0.2, database=fleet.database)
    proxy.heal()
    assert audited(fleet)[:2] == ("queue.pause", "unsure")
    eventually(lambda: pause_of(fleet.broker, "steps") is not None, "the mark")
    assert not pause(operator, fleet.mailbox, "steps", timeout_s=0.2, database=fleet.database).is_new
    proxy.swallow_answers_to(PUBLISH)
    with pytest.raises(UnsureError, match="may have been marked so"):
        resume(operator, fleet.mailbox, "steps", timeout_s=0.2, database=fleet.database)
    proxy.heal()
    assert audited(fleet)[:2] == ("queue.resume", "unsure")
    resume(operator, fleet.mailbox, "steps", timeout_s=0.2, database=fleet.database)
    assert pause_of(fleet.broker, "steps") is None


def test_the_command_line_tells_it_as_unsure(
    fleet: AmqpFleet, proxy: FaultyProxy, lossy_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    task_id = fleet.send(1)
    eventually(lambda: fleet.waiting() == [task_id])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARTHGAZER__CELERY__BROKER_URL", lossy_url)
    monkeypatch.setenv("EARTHGAZER__CELERY__RESULT_BACKEND", fleet.config.result_url)
    monkeypatch.setenv("EARTHGAZER__DATABASE__URL", fleet.config.database_url)
    proxy.swallow_answers_to(ACK, then_cuts=True)
    done = CliRunner().invoke(cli, ["queues", "delete", "steps", task_id, "--json"])
    proxy.heal()
    assert done.exit_code == UNREACHABLE, done.output
    told = json.loads(done.stdout)
    assert told["type"] == "UnsureError"
    assert f"whether {task_id} is still in steps" in told["error"]
    assert audited(fleet)[:2] == ("queue.remove", "unsure")
    eventually(lambda: fleet.waiting() == [])
