"""How many workers hear commands, whether they answer or not."""

from __future__ import annotations

import json
import time
from typing import Any

from celery import Celery

_EXPIRES_S = 3.0


def count_listeners(app: Celery, client: Any, channel: Any) -> int:
    """Return how many connections receive a command to workers.

    It changes nothing: a question that is addressed to nobody shows by the number of its receivers who hears
    questions.

    Args:
        app: The fleet's app.
        client: A client of redis-py on its broker.
        channel: The transport's channel on the same broker.
    """
    exchange = app.control.mailbox.exchange.name  # type: ignore[attr-defined]
    body: dict[str, Any] = {
        "method": "ping",
        "arguments": {},
        "destination": ["nobody@doctor"],
        "ticket": None,
    }
    message = channel.prepare_message(
        json.dumps(body), content_type="application/json", content_encoding="utf-8",
        headers={"expires": time.time() + _EXPIRES_S},
    )  # fmt: skip
    channel._inplace_augment_message(message, exchange, "")
    return int(client.publish(topic(channel, exchange), json.dumps(message)))


def topic(channel: Any, exchange: str) -> str:
    """Return where a transport publishes what goes to everybody who listens to an exchange."""
    return f"{channel.global_keyprefix}{channel._get_publish_topic(exchange, '')}"
