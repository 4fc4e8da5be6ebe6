"""A RabbitMQ that takes connections and says nothing: a clear error within the usual limits."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from celery import Celery

from earthgazer_core.errors import ServiceUnavailableError, UnsureError
from earthgazer_core.operations import mailbox, republish
from earthgazer_core.operations.amqp import link
from earthgazer_core.operations.amqp.queue_broker import AmqpQueueBroker
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.republish import publish, publish_signature
from tests.campaigns.faulty_proxy import FaultyProxy
from tests.rabbitmq import RabbitServer

CONTENT = ("application/json", "utf-8", b"[[], {}, {}]")
CHANNEL_OPEN = b"\x00\x14\x00\x0a"
"""Class and method of AMQP, as they stand on the wire."""


def sent(app: Celery) -> None:
    publish(app, {"id": "x", "task": "t"}, {"exchange": "", "routing_key": "steps"}, CONTENT, "steps")


def sent_body(app: Celery) -> None:
    publish_signature(app, dict(app.signature("t", task_id="y")), [1], {"id": "m"}, "steps")


def asked(app: Celery) -> None:
    with closing(Mailbox(app)) as box:
        box.ask("ping", timeout_s=0.5)


def looked(app: Celery) -> None:
    with closing(AmqpQueueBroker(app)) as broker:
        broker.snapshot(["steps"])


WAYS = [sent, sent_body, asked, looked]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a tenth, so that these tests don't take their time."""
    for module in (link, mailbox, republish):
        monkeypatch.setattr(module, "_PATIENCE_S", 0.5)


def ends_clearly(app: Celery, way: Callable[[Celery], None]) -> None:
    began = time.monotonic()
    with pytest.raises(
        ServiceUnavailableError, match=r"broker unavailable.*(timed out|no answer in time)"
    ) as told:
        way(app)
    assert not isinstance(told.value, UnsureError)
    # With limits of half a second; without any it would take for ever.
    assert time.monotonic() - began < 30
    app.close()


@pytest.mark.parametrize("way", WAYS)
def test_one_that_only_accepts(way: Callable[[Celery], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}//"
        ends_clearly(Celery("silent", broker=url, set_as_current=False), way)


@pytest.mark.fleet
@pytest.mark.parametrize("way", WAYS)
def test_one_that_opens_no_channel(
    rabbitmq: RabbitServer, rabbitmq_url: str, way: Callable[[Celery], None]
) -> None:
    def connect() -> socket.socket:
        return socket.create_connection(("127.0.0.1", rabbitmq.port))

    with FaultyProxy(connect) as proxy:
        proxy.swallow_answers_to(CHANNEL_OPEN)
        url = urlsplit(rabbitmq_url)._replace(netloc=f"guest:guest@127.0.0.1:{proxy.port}").geturl()
        ends_clearly(Celery("silent", broker=url, set_as_current=False), way)
