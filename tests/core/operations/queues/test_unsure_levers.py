"""Levers on queues whose answer is lost: told as not known, with what was done, and never done twice."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from click.testing import CliRunner

from earthgazer_core.cli.main import cli
from earthgazer_core.cli.output import UNREACHABLE
from earthgazer_core.errors import ServiceUnavailableError, UnsureError
from earthgazer_core.operations.queues.broker import QueueBroker
from earthgazer_core.operations.queues.marks import pause_of
from earthgazer_core.operations.queues.move import move, move_all
from earthgazer_core.operations.queues.pause import pause
from earthgazer_core.operations.queues.peek import peek
from earthgazer_core.operations.queues.purge import preview_purge, purge
from earthgazer_core.operations.queues.remove import remove
from earthgazer_tui.fleet.live.runner import translate
from tests.campaigns.faulty_proxy import FaultyProxy
from tests.core.operations.tuned_fleet import TunedFleet
from tests.core.recorder.fleet import eventually

pytestmark = pytest.mark.fleet

PATIENCE = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0, "retry_on_timeout": True}
"""Retrying is what a fleet's own settings may ask of redis-py: no lever may heed that."""


@pytest.fixture
def operator(broker_url: str, proxied_url: str) -> Iterator[QueueBroker]:
    """A broker that is reached through the proxy."""
    app = Celery("operator", broker=proxied_url, backend=broker_url, set_as_current=False)
    app.conf.broker_transport_options = dict(PATIENCE)
    with closing(QueueBroker(app)) as broker:
        yield broker
    app.close()


def audited(fleet: TunedFleet) -> list[tuple[str, str, dict[str, Any]]]:
    rows = fleet.rows("select action, outcome, detail from earthgazer.operator_actions order by id")
    return [(row["action"], row["outcome"], row["detail"]) for row in rows]


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_message_that_may_be_gone_is_not_taken_twice(
    fleet: TunedFleet, operator: QueueBroker, proxy: FaultyProxy, comes_back: bool
) -> None:
    # Two of the same bytes: a second try would take the other one.
    fleet.send(1, task_id="twice")
    other = fleet.send(2)
    with fleet.broker.opened() as layout:
        raw = layout.client.lindex(layout.list_key("steps", 0), -1)
        layout.client.rpush(layout.list_key("steps", 0), raw)
    chosen = [one for one in peek(operator, "steps") if one.task_id == "twice"]
    proxy.swallow_answers_to(b"LREM")

    def heal_at_once() -> None:
        eventually(lambda: len(fleet.waiting()) == 2)
        proxy.heal()

    healer = threading.Thread(target=heal_at_once)
    if comes_back:
        healer.start()
    with pytest.raises(UnsureError, match=r"0 removed; .*answer is lost.*whether twice is still in steps"):
        remove(operator, chosen[:1], database=fleet.database)
    if comes_back:
        healer.join()
    proxy.heal()
    assert fleet.waiting() == ["twice", other]
    [(action, outcome, detail)] = audited(fleet)
    assert (action, outcome) == ("queue.remove", "unsure")
    assert "may be gone" in detail["reason"]
    # What is still there can be removed now.
    remove(operator, chosen[1:2], database=fleet.database)
    assert fleet.waiting() == [other]


def test_what_was_removed_before_the_answer_was_lost_is_on_the_record(
    fleet: TunedFleet, operator: QueueBroker, proxy: FaultyProxy
) -> None:
    ids = [fleet.send(number) for number in range(3)]
    chosen = peek(operator, "steps")
    proxy.swallow_answers_to(ids[1].encode())
    with pytest.raises(UnsureError, match=f"1 removed; .*whether {ids[1]} is still in steps"):
        remove(operator, chosen, database=fleet.database)
    proxy.heal()
    assert fleet.waiting() == [ids[2]]
    assert fleet.states_of(ids[:1]) == {"REVOKED"}
    assert audited(fleet)[-1][2]["removed"] == 1


@pytest.mark.parametrize("is_all", [False, True])
def test_messages_that_may_have_been_moved_are_in_one_place_each(
    fleet: TunedFleet, operator: QueueBroker, proxy: FaultyProxy, is_all: bool
) -> None:
    ids = [fleet.send(number) for number in range(150)]
    fleet.send(0, queue="idle")
    chosen = peek(operator, "steps", 150)
    pages = list[int]()

    def go(on_progress: Callable[[int, int], None] | None = None) -> Any:
        if is_all:
            return move_all(
                operator, "steps", to_queue="idle", database=fleet.database, on_progress=on_progress
            )
        return move(operator, chosen, to_queue="idle", database=fleet.database)

    # The last message is in the second page.
    proxy.swallow_answers_to(ids[-1].encode()[:24] if not is_all else b"EVALSHA")
    before = 0 if is_all else 100
    with pytest.raises(
        UnsureError, match=rf"{before} moved; .*up to \d+ more may have been moved.*moving again"
    ):
        go(lambda moved, _: pages.append(moved))
    proxy.heal()
    assert audited(fleet)[-1][:2] == ("queue.move", "unsure")
    assert audited(fleet)[-1][2]["moved"] == before
    everywhere = Counter(fleet.waiting() + fleet.waiting("idle"))
    assert set(everywhere.values()) == {1}
    assert len(everywhere) == 151
    left = len(fleet.waiting())
    if left:
        assert go().moved == left
    assert fleet.waiting() == []
    assert set(Counter(fleet.waiting("idle")).values()) == {1}
    assert len(fleet.waiting("idle")) == 151


def test_a_purge_whose_answer_is_lost_takes_no_more_than_it_showed(
    fleet: TunedFleet, operator: QueueBroker, proxy: FaultyProxy
) -> None:
    shown = [fleet.send(number) for number in range(5)]
    preview = preview_purge(operator, "steps")
    later = fleet.send(9)
    proxy.swallow_answers_to(b"EVALSHA")
    with pytest.raises(UnsureError, match=r"0 purged; .*up to 5 more may be gone.*purge what is left"):
        purge(operator, preview, database=fleet.database)
    proxy.heal()
    assert fleet.waiting() == [later]
    [(action, outcome, detail)] = audited(fleet)
    assert (action, outcome, detail["purged"]) == ("queue.purge", "unsure", 0)
    again = purge(operator, preview, database=fleet.database)
    assert (again.purged, again.left) == (0, 1)
    # Their ends are not written down, or what is still there would count as gone.
    assert "REVOKED" not in fleet.states_of(shown)


def test_a_purge_that_is_done_is_not_called_failed_by_a_question_after_it(
    fleet: TunedFleet, operator: QueueBroker, proxy: FaultyProxy
) -> None:
    ids = [fleet.send(number) for number in range(3)]
    preview = preview_purge(operator, "steps")
    result = purge(
        operator, preview, database=fleet.database, on_progress=lambda *_: proxy.swallow_answers_to(b"EXEC")
    )
    proxy.heal()
    assert (result.purged, result.left) == (3, None)
    assert "went away before it told what is left" in result.summary
    assert audited(fleet)[-1][1] == "done"
    assert fleet.states_of(ids) == {"REVOKED"}


def test_a_broker_that_is_not_there_has_done_nothing(
    fleet: TunedFleet, operator: QueueBroker, proxy: FaultyProxy
) -> None:
    fleet.send(1)
    chosen = peek(operator, "steps")
    proxy.close()
    with pytest.raises(ServiceUnavailableError) as caught:
        remove(operator, chosen, database=fleet.database)
    assert not isinstance(caught.value, UnsureError)
    assert [(action, outcome) for action, outcome, _ in audited(fleet)] == [("queue.remove", "failed")]
    assert len(fleet.waiting()) == 1


def test_a_pause_whose_mark_may_be_there_says_so(
    fleet: TunedFleet, operator: QueueBroker, proxy: FaultyProxy
) -> None:
    fleet.send(1)
    proxy.swallow_answers_to(b"EVAL")
    with pytest.raises(UnsureError, match="steps may have been marked so: look whether it is paused"):
        pause(operator, fleet.mailbox, "steps", timeout_s=0.2, database=fleet.database)
    proxy.heal()
    assert pause_of(fleet.broker, "steps") is not None
    assert audited(fleet)[-1][:2] == ("queue.pause", "unsure")
    again = pause(operator, fleet.mailbox, "steps", timeout_s=0.2, database=fleet.database)
    assert not again.is_new


def test_the_command_line_and_the_console_tell_it_as_unsure(
    fleet: TunedFleet,
    operator: QueueBroker,
    proxy: FaultyProxy,
    proxied_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    task_id = fleet.send(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARTHGAZER__CELERY__BROKER_URL", proxied_url)
    monkeypatch.setenv("EARTHGAZER__DATABASE__URL", fleet.config.database_url)
    proxy.swallow_answers_to(b"LREM", then_cuts=True)
    done = CliRunner().invoke(cli, ["queues", "delete", "steps", task_id, "--json"])
    proxy.heal()
    assert done.exit_code == UNREACHABLE, done.output
    told = json.loads(done.stdout)
    assert told["type"] == "UnsureError"
    assert f"whether {task_id} is still in steps" in told["error"]
    assert fleet.waiting() == []
    assert audited(fleet)[-1][:2] == ("queue.remove", "unsure")
    assert "answer is lost" in str(translate(UnsureError(told["error"])))
