"""A waiting message as an operator may see it; its body is never unpickled."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from earthgazer_core.operations.queues.lever_broker import LeverBroker
from earthgazer_core.operations.queues.stored import Stored
from earthgazer_core.recorder.describe import parse_time
from earthgazer_core.recorder.redaction import MASK

HIDDEN = "arguments are hidden by name or by the task's author"
"""Why the arguments of a message that can be read aren't shown."""

_MOST_INFLATED = 4_000_000
_COMPRESSIONS = ("application/x-gzip", "gzip", "zlib")
_DEEPEST_CHAIN = 1_000


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """One message in a queue, by its exact bytes."""

    raw: bytes = field(repr=False)
    """The message itself, by which it is removed or moved."""
    queue: str
    """Queue that it waits in."""
    priority: int
    """On Redis the step of the list that it waits in, 0 first; on RabbitMQ its own, 0 last."""
    position: int
    """0 is the next to run of its queue."""
    task_id: str
    """Celery's id; empty where the message has none."""
    name: str
    """Task name; empty where the message has none."""
    delivery_tag: str
    """The transport's id of this very message: a task published twice has two."""
    args: str
    """Positional arguments: JSON where they come from the message, else a repr."""
    kwargs: str
    """Named arguments likewise."""
    arguments_from: str
    """``message``, ``repr`` (cut at 1024 characters) or ``nowhere``."""
    note: str
    """Why the arguments aren't those of the message; empty where they are."""
    content_type: str
    """``application/json``, …"""
    size_bytes: int
    """Size of the whole message."""
    eta: datetime | None
    """Not to run before."""
    expires: datetime | None
    """Discarded after."""
    retries: int
    """Automatic retries so far."""
    is_redelivered: bool
    """Whether a worker had it before and did not finish."""
    parent_id: str | None
    """The task that published it."""
    root_id: str | None
    """The first task of its workflow."""
    group_id: str | None
    """Its group."""
    follows: tuple[str, ...]
    """Names of the tasks that come after it, next first: the rest of its chain, then its chord's body."""
    headers: Mapping[str, Any] = field(repr=False)
    """All headers; hidden arguments are hidden here too."""
    links: tuple[str, ...] = ()
    """Names of the tasks that are sent when it has ended well (its callbacks)."""
    error_links: tuple[str, ...] = ()
    """Names of the tasks that are sent when it has failed (its errbacks)."""

    @property
    def is_hidden(self) -> bool:
        """Whether it can be read, and what it holds is not to be shown."""
        return self.note == HIDDEN

    @property
    def stored(self) -> Stored:
        """The message in its place, as brokers know it."""
        return Stored(self.raw, self.queue, self.priority, self.position)


def read_message(broker: LeverBroker, stored: Stored) -> WaitingMessage:
    """Return a message from its bytes; one that can't be read is shown as such, never refused."""
    envelope = _json(stored.raw)
    if not isinstance(envelope, dict):
        return _of(stored, {}, {}, note="not a message of Celery's")
    headers = _mapping(envelope.get("headers"))
    body, reason = _body(envelope, headers)
    if isinstance(body, dict) and "task" in body and "task" not in headers:
        # Celery's first protocol has in the body what the second has in headers.
        headers = {**{key: value for key, value in body.items() if key not in ("args", "kwargs")}, **headers}
        body = [body.get("args") or [], body.get("kwargs") or {}, {}]
    name = headers.get("task")
    own = (str(headers.get("argsrepr") or ""), str(headers.get("kwargsrepr") or ""))
    is_call = isinstance(body, list) and len(body) == 3 and isinstance(body[0], list)
    if not (is_call and isinstance(name, str) and isinstance(body[1], dict)):
        shown = tuple(MASK if broker.redactor.mentions_secret(text) else text for text in own)
        return _of(
            stored, envelope, _shown(headers, *shown),
            args=shown[0], kwargs=shown[1], source="repr" if any(own) else "nowhere",
            note=reason or "the body is no call of a task",
        )  # fmt: skip
    args, kwargs, embed = body
    embed = _mapping(embed)
    arguments = broker.describer.arguments(
        headers, (args, kwargs, embed), ("application/json", "utf-8", json.dumps(body).encode())
    )
    if arguments.is_redacted:
        return _of(
            stored, envelope,
            _shown(headers, arguments.args_repr, arguments.kwargs_repr),
            args=arguments.args_repr, kwargs=arguments.kwargs_repr, source="repr",
            note=HIDDEN, embed=embed,
        )  # fmt: skip
    return _of(
        stored, envelope, headers,
        args=json.dumps(args, ensure_ascii=False), kwargs=json.dumps(kwargs, ensure_ascii=False),
        source="message", embed=embed,
    )  # fmt: skip


def call_of(
    envelope: Mapping[str, Any],
) -> tuple[tuple[list[Any], dict[str, Any], dict[str, Any]] | None, str]:
    """Return ((args, kwargs, what comes after), why there are none) of a message that is JSON."""
    body, reason = _body(envelope, _mapping(envelope.get("headers")))
    match body:
        case [list() as args, dict() as kwargs, dict() | None as embed]:
            return (args, kwargs, embed or {}), ""
    return None, reason or "the body is no call of a task"


def headers_of(raw: bytes) -> Mapping[str, Any]:
    """Return the headers of a message by its bytes, as they are; none where it can't be read."""
    envelope = _json(raw)
    return _mapping(envelope.get("headers")) if isinstance(envelope, dict) else {}


def _of(
    stored: Stored, envelope: Mapping[str, Any], headers: Mapping[str, Any], *,
    args: str = "", kwargs: str = "", source: str = "nowhere",
    note: str = "", embed: Mapping[str, Any] | None = None,
) -> WaitingMessage:  # fmt: skip
    properties = _mapping(envelope.get("properties"))
    info = _mapping(properties.get("delivery_info"))
    retries = headers.get("retries")
    embed = embed or {}
    return WaitingMessage(
        raw=stored.raw,
        queue=stored.queue,
        priority=stored.priority,
        position=stored.position,
        task_id=str(headers.get("id") or ""),
        name=str(headers.get("task") or ""),
        delivery_tag=str(properties.get("delivery_tag") or ""),
        args=args,
        kwargs=kwargs,
        arguments_from=source,
        note=note,
        content_type=str(envelope.get("content-type") or ""),
        size_bytes=len(stored.raw),
        eta=parse_time(headers.get("eta")),
        expires=parse_time(headers.get("expires")),
        retries=retries if isinstance(retries, int) else 0,
        is_redelivered=bool(headers.get("redelivered") or info.get("redelivered")),
        parent_id=_text(headers.get("parent_id")),
        root_id=_text(headers.get("root_id")),
        group_id=_text(headers.get("group")),
        follows=_follows(embed),
        headers=headers,
        links=_names(embed.get("callbacks")),
        error_links=_names(embed.get("errbacks")),
    )


def _body(envelope: Mapping[str, Any], headers: Mapping[str, Any]) -> tuple[Any, str]:
    """Return (the body as JSON has it, why there is none)."""
    content_type = str(envelope.get("content-type") or "no content type")
    if content_type != "application/json":
        return None, f"the body is {content_type}, which is not opened"
    body: Any = envelope.get("body")
    try:
        if _mapping(envelope.get("properties")).get("body_encoding") == "base64":
            body = b64decode(body)
        compression = headers.get("compression")
        if compression:
            if compression not in _COMPRESSIONS:
                return None, f"the body is compressed by {compression}"
            inflater = zlib.decompressobj()
            body = inflater.decompress(body, _MOST_INFLATED)
            if inflater.unconsumed_tail:
                return None, f"the body has more than {_MOST_INFLATED} bytes when inflated"
    except (ValueError, TypeError, zlib.error):
        return None, "the body can't be decoded"
    decoded = _json(body)
    return decoded, "" if decoded is not None else "the body is no JSON"


def _follows(embed: Mapping[str, Any]) -> tuple[str, ...]:
    chain = embed.get("chain")
    # The rest of a chain is kept with the next step last.
    names = [_name(step) for step in reversed(chain[-_DEEPEST_CHAIN:])] if isinstance(chain, list) else []
    if embed.get("chord"):
        names.append(_name(embed["chord"]))
    return tuple(names)


def _names(signatures: Any) -> tuple[str, ...]:
    found = signatures if isinstance(signatures, list) else [signatures] if signatures else []
    return tuple(_name(signature) for signature in found)


def _name(signature: Any) -> str:
    return str(_mapping(signature).get("task") or "?")


def _shown(headers: Mapping[str, Any], args_repr: str, kwargs_repr: str) -> Mapping[str, Any]:
    return {**headers, "argsrepr": args_repr, "kwargsrepr": kwargs_repr}


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
