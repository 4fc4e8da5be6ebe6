"""Kombu's message envelope on the event channel, opened without ever unpickling anything."""

from __future__ import annotations

import json
from typing import Any

import orjson
from pybase64 import b64decode


def events_of(payload: bytes) -> list[dict[str, Any]]:
    """Return the events of one published message: producers send one, workers lists of them.

    Raises:
        ValueError: it is not JSON, or neither an event nor a list of events.
    """
    envelope = _loads(payload)
    if not isinstance(envelope, dict):
        raise ValueError("not an envelope")
    content_type = envelope.get("content-type")
    body = envelope["body"]
    properties = envelope.get("properties") or {}
    if properties.get("body_encoding") == "base64":
        body = b64decode(body)
    return events_in(content_type, body)


def events_in(content_type: Any, body: Any) -> list[dict[str, Any]]:
    """Return the events of a message's body.

    Raises:
        ValueError: it is not JSON, or neither an event nor a list of events.
    """
    if content_type != "application/json":
        raise ValueError(f"content type {content_type!r} is not read")
    events = _loads(body)
    if type(events) is dict:
        return [events]
    if type(events) is list and all(type(event) is dict for event in events):
        return events
    raise ValueError("neither an event nor a list of events")


def _loads(document: Any) -> Any:
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError:
        # Names of files that are no UTF-8 make lone surrogates: Celery sends them, the quick reader refuses.
        try:
            return json.loads(document, parse_constant=_refuse)
        except RecursionError as error:
            raise ValueError("too deep") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
