"""``earthgazer`` as a whole: help, exit codes, where its services come from."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from earthgazer_core.cli.main import GROUPS
from earthgazer_core.cli.text import printable
from tests.core.pipeline import Pipeline


def test_help_lists_every_group(offline: Pipeline) -> None:
    answer = offline.ask("--help")
    assert answer.code == 0
    for name in GROUPS:
        assert name in answer.out


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_every_group_has_help_of_its_own(offline: Pipeline, name: str) -> None:
    assert offline.ask(name, "--help").code == 0


def test_a_place_is_added_changed_and_removed(offline: Pipeline) -> None:
    place = offline.ok(
        "locations", "add", "--name", "field", "--bbox=10,50,11,51", "--from", "2024-01-01", "--json"
    )
    number = str(place["id"])
    offline.ok("locations", "update", number, "--name", "meadow", "--inactive", "--json")
    (listed,) = offline.ok("locations", "list", "--json")
    assert (listed["name"], listed["active"], listed["from"]) == ("meadow", False, "2024-01-01")
    offline.ok("locations", "remove", number, "--json")
    assert offline.ok("locations", "list", "--json") == []


@pytest.mark.parametrize("bbox", ["1,2,3", "a,b,c,d", "10,5,-10,6", "0,50,1,40", "0,0,200,1"])
def test_a_bbox_that_is_none_is_a_usage_error(offline: Pipeline, bbox: str) -> None:
    answer = offline.ask("locations", "add", "--name", "x", f"--bbox={bbox}", "--json")
    assert answer.code == 2
    assert "bbox" in answer.json["error"]


def test_nothing_configured_says_what_to_do(offline: Pipeline, tmp_path: Path) -> None:
    answer = offline.run_unconfigured("captures", "list", EARTHGAZER_STATE_DIR=str(tmp_path / "nothing"))
    assert answer.code == 2
    assert "earthgazer stack up" in answer.err


def test_an_absent_database_is_exit_code_3(offline: Pipeline, tmp_path: Path) -> None:
    url = f"postgresql+psycopg2://nobody@/none?host={tmp_path}"
    answer = offline.run("captures", "list", "--json", EARTHGAZER__DATABASE__URL=url)
    assert answer.code == 3
    assert answer.json["type"] == "ServiceUnavailableError"


def test_a_wrong_password_is_told_without_showing_it(offline: Pipeline) -> None:
    url = offline.environment["EARTHGAZER__DATABASE__URL"]
    user, _, rest = url.partition("@")
    wrong = f"{user.rpartition(':')[0]}:wr0ng-secret@{rest}"
    answer = offline.run("captures", "list", EARTHGAZER__DATABASE__URL=wrong)
    assert answer.code == 2
    assert "refuses" in answer.err
    assert "wr0ng-secret" not in answer.err + answer.out


def test_an_absent_broker_is_exit_code_3(offline: Pipeline, tmp_path: Path) -> None:
    answer = offline.run(
        "captures", "discover", "--json",
        EARTHGAZER__CELERY__BROKER_URL=f"redis+socket://{tmp_path}/none.sock",
    )  # fmt: skip
    assert answer.code == 3, answer.err


def test_a_broker_that_speaks_no_redis_is_exit_code_3(offline: Pipeline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            for _ in range(8):
                try:
                    link, _address = server.accept()
                except OSError:
                    return
                with link:
                    link.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        answer = offline.run(
            "captures", "discover", "--json",
            EARTHGAZER__CELERY__BROKER_URL=f"redis://127.0.0.1:{server.getsockname()[1]}/0",
        )  # fmt: skip
    assert answer.code == 3, answer.err
    assert len(answer.err.strip().splitlines()) == 1, answer.err


def test_wrong_settings_name_the_variable_and_never_the_value(offline: Pipeline) -> None:
    answer = offline.run("captures", "list", EARTHGAZER__CELERY__TASK_TIME_LIMIT_S="s3cret")
    assert answer.code == 2
    assert "EARTHGAZER__CELERY__TASK_TIME_LIMIT_S" in answer.err
    assert "s3cret" not in answer.err


def test_foreign_text_is_shown_harmless() -> None:
    assert printable("a\x1b[31mb\u200b\ud800") == "a\\x1b[31mb\\u200b\\ud800"
    assert printable("grün 雪") == "grün 雪"
