"""A message to RabbitMQ whose confirmation is lost: never told as refused or unsent, and not sent twice."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery
from kombu import Connection

from earthgazer_core.errors import UnsureError
from earthgazer_core.operations.republish import publish, publish_signature
from tests.campaigns.faulty_proxy import FaultyProxy
from tests.rabbitmq import RabbitServer

pytestmark = pytest.mark.fleet

CONTENT = ("application/json", "utf-8", b"[[], {}, {}]")


@pytest.fixture
def proxy(rabbitmq: RabbitServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(lambda: socket.create_connection(("127.0.0.1", rabbitmq.port))) as proxy:
        yield proxy


@pytest.fixture
def app(rabbitmq_url: str, proxy: FaultyProxy) -> Iterator[Celery]:
    parts = urlsplit(rabbitmq_url)
    url = parts._replace(netloc=f"guest:guest@127.0.0.1:{proxy.port}").geturl()
    app = Celery("lost", broker=url, set_as_current=False)
    app.conf.task_default_queue = "steps"
    yield app
    app.close()


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_lost_confirmation_is_told_as_such_within_seconds(
    app: Celery, proxy: FaultyProxy, rabbitmq_url: str, is_cut: bool
) -> None:
    with Connection(rabbitmq_url) as connection:
        channel: Any = connection.default_channel
        channel.queue_declare("steps", durable=True, auto_delete=False)
        proxy.swallow_answers_to(b"lost-1", then_cuts=is_cut)
        began = time.monotonic()
        headers = {"id": "lost-1", "task": "lost.task"}
        with pytest.raises(UnsureError, match=r"may have been published.*whether lost-1 waits"):
            publish(app, headers, {"exchange": "", "routing_key": "steps"}, CONTENT, "steps")
        proxy.heal()
        proxy.swallow_answers_to(b"lost-2", then_cuts=True)
        body = app.signature("lost.task", task_id="lost-2")
        with pytest.raises(UnsureError, match=r"may have been published.*whether lost-2 waits"):
            publish_signature(app, dict(body), [1], {"id": "member"}, "steps")
        assert time.monotonic() - began < 60
        proxy.heal()
        ids = []
        while (message := channel.basic_get("steps", no_ack=True)) is not None:
            ids.append(message.headers["id"])
        assert ids == ["lost-1", "lost-2"]
