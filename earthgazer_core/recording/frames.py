"""What a recording is made of, and how each part is written on a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.broker import BrokerSnapshot
from earthgazer_core.operations.workers import WorkerReport

VERSION: Final = 1
"""Of the format; a reader refuses newer ones."""
_DEEPEST: Final = 100


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first line of every segment."""

    version: int
    """Of the format."""
    broker: str
    """Where the fleet is, without credentials."""
    segment: int
    """Number of the segment, from 1."""


@dataclass(frozen=True, slots=True)
class EventsHeard:
    """Celery events that came together, as they were sent but for masked secrets."""

    events: Sequence[Mapping[str, Any]]
    """In the order in which they came."""


@dataclass(frozen=True, slots=True)
class QueuesSeen:
    """A look at all queues."""

    snapshot: BrokerSnapshot
    """What was there."""


@dataclass(frozen=True, slots=True)
class WorkerAsked:
    """What a worker said of itself."""

    report: WorkerReport
    """Its own words."""


@dataclass(frozen=True, slots=True)
class BrokerNoted:
    """The broker went away or came back."""

    is_up: bool
    """Whether it is there."""
    reason: str
    """Why it is not."""


Content = Beginning | EventsHeard | QueuesSeen | WorkerAsked | BrokerNoted

_KINDS: Final[dict[str, type[Content]]] = {
    "beginning": Beginning,
    "events": EventsHeard,
    "queues": QueuesSeen,
    "worker": WorkerAsked,
    "broker": BrokerNoted,
}
_ADAPTERS: Final[dict[type[Content], TypeAdapter[Content]]] = {
    kind: TypeAdapter(kind) for kind in (Beginning, QueuesSeen, WorkerAsked, BrokerNoted)
}
_WORDS: Final = {kind: word for word, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a recording."""

    at: float
    """Seconds since the epoch by the clock of the machine that recorded."""
    content: Content
    """What was noted then."""


def to_line(frame: Frame) -> bytes:
    """Return a frame as a line of JSON, its end included.

    Events may hold numbers that JSON's readers can't; those are written as text.
    """
    document = {"at": frame.at, "kind": _WORDS[type(frame.content)], "content": frame.content}
    try:
        return orjson.dumps(document, default=repr, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return orjson.dumps(
            {**document, "content": _plain(frame.content)}, default=repr, option=orjson.OPT_APPEND_NEWLINE
        )


def from_line(line: bytes) -> Frame:
    """Return the frame on a line.

    Raises:
        InvalidInputError: it is no frame.
    """
    try:
        document = orjson.loads(line)
        kind = _KINDS[document["kind"]]
        at = float(document["at"])
        content = document["content"]
        if kind is EventsHeard:
            # Far more of these than of all others: their shape is looked at where they are folded.
            events = content["events"]
            if not isinstance(events, list) or not all(type(event) is dict for event in events):
                raise TypeError("not a list of events")
            return Frame(at, EventsHeard(events))
        return Frame(at, _ADAPTERS[kind].validate_python(content))
    except (ValueError, LookupError, TypeError, AttributeError, ValidationError) as error:
        raise InvalidInputError(f"not a line of a recording: {type(error).__name__}") from error


def _plain(content: Content) -> Any:
    """Return content with what orjson refuses (numbers beyond 64 bits, lone surrogates, depths) as text."""
    if isinstance(content, EventsHeard):
        return {"events": [_harmless(event) for event in content.events]}
    return _harmless(asdict(content))


def _harmless(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST and isinstance(value, Mapping | list | tuple):
        return "…"
    if isinstance(value, Mapping):
        return {_harmless_text(str(key)): _harmless(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_harmless(item, depth + 1) for item in value]
    if isinstance(value, str):
        return _harmless_text(value)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 63:
        return str(value)
    return value


def _harmless_text(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
