"""Several brokers in one sitting: contexts of the config file, switched in a real terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery

from earthgazer_core.stack.valkey import ValkeyServer
from tests.conftest import redis_py_url
from tests.product.terminal import Terminal

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]


@pytest.fixture
def brokers(short_directory: Path) -> Iterator[tuple[ValkeyServer, ValkeyServer]]:
    servers = []
    for name in ("one", "two"):
        (short_directory / name).mkdir()
        servers.append(ValkeyServer(short_directory / name, dies_with_parent=True))
    try:
        for server in servers:
            server.start()
        yield servers[0], servers[1]
    finally:
        for server in servers:
            server.stop()


def send(server: ValkeyServer, queue: str, count: int) -> None:
    with Celery("publisher", broker=server.url, set_as_current=False) as app:
        for number in range(count):
            app.send_task("shop.order", (number,), queue=queue)


def keys(server: ValkeyServer) -> set[bytes]:
    with redis.Redis.from_url(redis_py_url(server.url)) as client:
        return {key for key in client.keys("*") if not key.startswith(b"_kombu") and b"pidbox" not in key}


def test_two_brokers_and_a_broken_one_in_one_sitting(
    brokers: tuple[ValkeyServer, ValkeyServer], tmp_path: Path
) -> None:
    one, two = brokers
    send(one, "first", 3)
    send(two, "second", 5)
    config = tmp_path / "config"
    config.mkdir()
    file = config / "contexts.toml"
    file.write_text(
        f"""
        [contexts.staging]
        broker = {json.dumps(one.url)}
        colour = "green"
        description = "three orders wait"

        [contexts.production]
        broker = {json.dumps(two.url)}
        colour = "red"
        read_only = true

        [contexts.broken]
        app = "no_such_module:app"
        """
    )
    env = {
        "PATH": str(Path(sys.executable).parent), "HOME": str(tmp_path), "TERM": "xterm-256color",
        "LANG": "C.UTF-8", "EARTHGAZER_CONFIG": str(config), "XDG_STATE_HOME": str(tmp_path / "state"),
    }  # fmt: skip
    command = [sys.executable, "-m", "earthgazer_tui", "--context", "staging"]
    with Terminal(command, env=env, cwd=tmp_path) as refused:
        assert refused.wait_exit() == 2
        assert "others can read it" in refused.text()
    file.chmod(0o600)
    before = keys(two)
    with Terminal(command, env=env, cwd=tmp_path) as console:
        console.wait_for("staging", "first", "1 Overview")
        console.press("3")
        console.wait_for("first", "Consumers")
        console.press("c")
        console.wait_for("Which fleet?", "three orders wait", "READ-ONLY")
        console.press("down", "enter")
        console.wait_for("production", "READ-ONLY", "second", timeout_s=20)
        console.press("3")
        console.wait_for("second", "Consumers")
        # Purge, pause, delete and move are not there, by key as by name.
        console.press("P", "X", "M", "D")
        console.press(":")
        for letter in "purge":
            console.press(letter)
        console.press("enter")
        console.wait_for("purge changes the world, and this console is read-only")
        assert keys(two) == before
        console.press("c")
        console.wait_for("Which fleet?")
        console.press("down", "enter")
        console.wait_for("--app no_such_module:app can't be imported", "Back to production")
        console.press("escape")
        console.wait_for("second", "READ-ONLY")
        console.press("c")
        console.wait_for("Which fleet?")
        console.press("up", "enter")
        console.wait_for("staging", "first", "1 Overview", timeout_s=20)
        assert "READ-ONLY" not in console.text()
        console.press("q")
        assert console.wait_exit() == 0
    assert keys(two) == before
