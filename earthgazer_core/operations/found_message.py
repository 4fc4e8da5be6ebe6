"""A message that was found in a broker, with all that is needed to publish it again."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """One message."""

    headers: Mapping[str, Any] = field(repr=False)
    """All headers."""
    properties: Mapping[str, Any] = field(repr=False)
    """All properties."""
    content: tuple[str, str, bytes] = field(repr=False)
    """Content type, content encoding and body."""
    queue: str | None
    """Queue that it was found in, or came from."""

    @property
    def task_id(self) -> str:
        """Celery's id."""
        return str(self.headers.get("id") or "")

    @property
    def name(self) -> str:
        """Task name."""
        return str(self.headers.get("task") or "")

    @property
    def priority(self) -> int | None:
        """Its priority, where it has one."""
        priority = self.properties.get("priority")
        return priority if isinstance(priority, int) else None

    @property
    def envelope(self) -> Mapping[str, Any]:
        """The message as a transport that encodes nothing would keep it."""
        content_type, content_encoding, body = self.content
        return {
            "headers": self.headers, "properties": {}, "body": body,
            "content-type": content_type, "content-encoding": content_encoding,
        }  # fmt: skip

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return len(self.content[2]) + 2_000


def found_message(raw: bytes | Mapping[str, Any], queue: str | None) -> FoundMessage | None:
    """Return a message from what the transport keeps of it; None of what is no message of a task."""
    try:
        envelope = raw if isinstance(raw, Mapping) else json.loads(raw)
        headers, properties = envelope["headers"], envelope["properties"]
        if not (isinstance(headers, dict) and isinstance(properties, dict) and headers.get("id")):
            return None
        body = envelope["body"]
        is_encoded = properties.get("body_encoding") == _BASE64
        content = (
            str(envelope["content-type"]),
            str(envelope["content-encoding"]),
            b64decode(body) if is_encoded else str(body).encode(),
        )
    except (ValueError, LookupError, TypeError):
        return None
    return FoundMessage(headers, properties, content, queue)
