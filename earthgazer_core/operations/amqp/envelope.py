"""A message of AMQP in the envelope that Redis keeps, so that one reader reads both."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from earthgazer_core.operations.queues.stored import digest_of

_LISTED_APART = ("content_type", "content_encoding", "application_headers")


def raw_of(message: Any) -> bytes:
    """Return a message as bytes that are the same whenever the same message is looked at.

    AMQP gives a message no name of its own: what stands for it is made from all of it. Whether it was
    delivered before is left out, since looking at it counts as a delivery.
    """
    properties = dict(message.properties)
    info = message.delivery_info
    envelope: dict[str, Any] = {
        "body": b64encode(_bytes(message.body)).decode(),
        "content-type": properties.get("content_type"),
        "content-encoding": properties.get("content_encoding"),
        "headers": properties.get("application_headers") or {},
        "properties": {
            **{name: value for name, value in properties.items() if name not in _LISTED_APART},
            "body_encoding": "base64",
            "delivery_info": {"exchange": info["exchange"], "routing_key": info["routing_key"]},
        },
    }
    tag = digest_of(_written(envelope))[:16]
    envelope["properties"]["delivery_tag"] = tag
    return _written(envelope)


def _written(envelope: dict[str, Any]) -> bytes:
    # Tables of AMQP have values that JSON has not: times, decimals, bytes.
    return json.dumps(envelope, sort_keys=True, default=str).encode()


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
