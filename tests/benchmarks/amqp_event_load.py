"""Publishes the events of a busy fleet to RabbitMQ: ``python -m tests.benchmarks.amqp_event_load``."""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp
import orjson

from tests.benchmarks.event_load import BATCH, events

_TICK_S = 0.01
_AT_ONCE = 4
"""Messages between two looks at the clock where no rate is asked for."""


def publish(url: str, rate: float, seconds: float, *, is_batched: bool) -> int:
    """Publish events as kombu does; return how many there were.

    Args:
        url: ``amqp://user:password@host:port/virtual-host``.
        rate: Events per second; 0 for as many as the broker takes.
        seconds: For how long.
        is_batched: Whether 24 events make a message, as workers do, or each is one.
    """
    parts = urlsplit(url)
    connection = amqp.Connection(
        host=f"{parts.hostname}:{parts.port}", userid=parts.username or "", password=parts.password or "",
        virtual_host=unquote(parts.path[1:]), confirm_publish=False,
    )  # fmt: skip
    connection.connect()
    channel = connection.channel()
    source, size = events(), BATCH if is_batched else 1
    begin, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < seconds:
        due = int(rate * (elapsed + _TICK_S)) - sent if rate else size * _AT_ONCE
        while due >= size:
            batch = list(islice(source, size))
            due -= size
            sent += size
            key = "task.multi" if is_batched else str(batch[0]["type"]).replace("-", ".")
            channel.basic_publish(message(batch, is_batched=is_batched), "celeryev", key)
        wait = begin + sent / rate - time.monotonic() if rate else 0.0
        if wait > 0:
            time.sleep(min(wait, _TICK_S))
    # What is answered after it has been taken before.
    channel.close()
    connection.close()
    return sent


def message(batch: list[dict[str, Any]], *, is_batched: bool) -> amqp.Message:
    """Return events as one message of a worker's."""
    return amqp.Message(
        orjson.dumps(batch if is_batched else batch[0]), content_type="application/json",
        content_encoding="utf-8", delivery_mode=1, application_headers={"hostname": batch[0]["hostname"]},
    )  # fmt: skip


if __name__ == "__main__":
    begun = time.monotonic()
    count = publish(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), is_batched=sys.argv[4] == "batched")
    print(json.dumps({"sent": count, "seconds": time.monotonic() - begun}))
