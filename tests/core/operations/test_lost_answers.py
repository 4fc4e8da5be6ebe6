"""What is sent goes out once, also when the broker's answer to it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
from celery import Celery

from earthgazer_core.errors import UnsureError
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.republish import publish
from tests.campaigns.faulty_proxy import FaultyProxy

DEADLINE_S = 40.0


def client_of(broker_url: str) -> redis.Redis:
    """Return a client that goes past the proxy."""
    parts = urlsplit(broker_url)
    database = int(parse_qs(parts.query)["virtual_host"][0])
    return redis.Redis(unix_socket_path=parts.path, password=parts.password, db=database)


def is_heard(subscriber: Any, timeout_s: float = DEADLINE_S) -> bool:
    """Whether a message comes in time."""
    deadline = time.monotonic() + timeout_s
    while (left_s := deadline - time.monotonic()) > 0:
        # None is also what a subscription itself comes to.
        if subscriber.get_message(timeout=left_s) is not None:
            return True
    return False


@pytest.fixture
def app(proxied_url: str) -> Iterator[Celery]:
    """An app that reaches the broker through the proxy, and is soon out of patience."""
    app = Celery("lost", broker=proxied_url, backend=proxied_url, set_as_current=False)
    app.conf.broker_transport_options = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
    yield app
    app.close()


def test_a_command_is_sent_once_though_its_connection_is_lost(
    app: Celery, proxy: FaultyProxy, broker_url: str
) -> None:
    with client_of(broker_url) as client, client.pubsub(ignore_subscribe_messages=True) as heard:
        heard.psubscribe("*pidbox*")
        while not client.pubsub_numpat():
            time.sleep(0.01)
        mailbox = Mailbox(app)
        mailbox.ask("ping", timeout_s=0.1)
        assert is_heard(heard)
        proxy.swallow_answers_to(b"PUBLISH")
        told = threading.Event()

        def heal_when_told() -> None:
            if is_heard(heard):
                told.set()
            proxy.heal()

        healer = threading.Thread(target=heal_when_told)
        healer.start()
        answers = mailbox.ask("pool_grow", {"n": 1}, destination=["w1@lost"], timeout_s=2.0)
        healer.join()
        assert told.is_set()
        assert answers.silent == ("w1@lost",)
        assert not is_heard(heard, 0.5)
        mailbox.close()


def test_a_message_whose_answer_is_lost_may_have_been_published_and_is_told_so(
    app: Celery, proxy: FaultyProxy, broker_url: str
) -> None:
    proxy.swallow_answers_to(b"LPUSH")
    content = ("application/json", "utf-8", b"[[], {}, {}]")
    headers = {"id": "lost-1", "task": "lost.task"}
    with pytest.raises(UnsureError, match="may have been published"):
        publish(app, headers, {"exchange": "", "routing_key": "lost"}, content, "lost")
    with client_of(broker_url) as client:
        assert client.llen("lost") == 1
