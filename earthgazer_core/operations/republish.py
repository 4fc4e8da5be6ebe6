"""Putting a recorded message on the broker again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.recorder.describe import parse_time

_PATIENCE_S = 5
_OF_DELIVERY = ("delivery_tag", "delivery_info", "body_encoding")


def renewed(
    headers: Mapping[str, Any], properties: Mapping[str, Any], at: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return headers and properties without what belonged to an earlier delivery.

    The last automatic retry's message would get none, and a time that is past would have a worker
    discard it at once.
    """
    fresh = {**headers, "retries": 0}
    for name in ("eta", "expires"):
        moment = parse_time(fresh.get(name))
        if moment is not None and moment <= at:
            fresh[name] = None
    return fresh, {name: value for name, value in properties.items() if name not in _OF_DELIVERY}


def publish(
    app: Celery,
    headers: Mapping[str, Any],
    properties: Mapping[str, Any],
    content: tuple[str, str, bytes],
    queue: str | None,
) -> None:
    """Send a message to where it went before; no signal of Celery's is sent.

    Raises:
        ServiceUnavailableError: the broker is away; nothing was sent.
    """
    content_type, content_encoding, body = content
    exchange = properties.get("exchange") or ""
    routing_key = properties.get("routing_key") or queue
    known = app.amqp.queues.get(queue) if queue and queue in app.amqp.queues else None
    options = {
        name: properties[name]
        for name in ("priority", "correlation_id", "reply_to")
        if properties.get(name) is not None
    }
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=_PATIENCE_S)
            with connection.channel() as channel:
                app.amqp.Producer(channel, auto_declare=False).publish(
                    body,
                    exchange=exchange,
                    routing_key=routing_key,
                    content_type=content_type,
                    content_encoding=content_encoding,
                    headers=dict(headers),
                    delivery_mode=2,
                    declare=[known] if known is not None else None,
                    retry=False,
                    **options,
                )
    except (KombuError, OSError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ServiceUnavailableError(f"broker unavailable, nothing was published: {reason}") from error
