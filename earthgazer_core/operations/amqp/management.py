"""RabbitMQ's management API: all queues of a virtual host, and what workers hold of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from earthgazer_core.web import USER_AGENT, shown

_TIMEOUT_S = 2.0
_FRESH_S = 1.0
_BACKOFF_S = 15.0
_COLUMNS = "name,type,exclusive,arguments,messages_unacknowledged,backing_queue_status"
UNSET = "no management API is named: set EARTHGAZER__CELERY__MANAGEMENT_URL"


@dataclass(frozen=True, slots=True)
class ManagedQueue:
    """A queue as the management API tells of it; numbers are some seconds old."""

    name: str
    """Queue name."""
    kind: str
    """``classic``, ``quorum`` or ``stream``."""
    is_exclusive: bool
    """Whether it belongs to one connection."""
    unacked: int | None
    """Messages that consumers hold; None before it was counted."""
    by_priority: tuple[tuple[int, int], ...]
    """(priority, messages), most urgent first; empty for a queue without priorities."""
    max_priority: int
    """Highest priority; 0 for a queue without priorities."""


@dataclass(frozen=True, slots=True)
class Managed:
    """What the management API said last."""

    queues: Mapping[str, ManagedQueue] = field(default_factory=dict)
    """By name; empty where it said nothing."""
    reason: str = ""
    """Why it said nothing; empty where it did."""


class ManagementApi:
    """Asks now and then, and never makes its absence a fault."""

    def __init__(self, url: str | None, virtual_host: str) -> None:
        """Take a URL, user and password included, and a virtual host; None asks nobody."""
        self._url, self._login = _split(url) if url else ("", None)
        self._virtual_host = virtual_host
        self._known = Managed(reason=UNSET)
        self._next = float("-inf")

    def look(self) -> Managed:
        """Return what it says, at most a second old; a refusal is kept for a while."""
        if self._url and time.monotonic() >= self._next:
            self._known = self._ask()
            self._next = time.monotonic() + (_BACKOFF_S if self._known.reason else _FRESH_S)
        return self._known

    def _ask(self) -> Managed:
        # Whoever looks at Redis need not wait for an HTTP client.
        import requests

        url = f"{self._url}/api/queues/{quote(self._virtual_host, safe='')}"
        try:
            response = requests.get(
                url,
                params={"columns": _COLUMNS},
                auth=self._login,
                headers={"User-Agent": USER_AGENT},
                timeout=_TIMEOUT_S,
            )
            if response.status_code != requests.codes.ok:
                return Managed(reason=f"{shown(url)} answered {response.status_code}")
            found = [_queue(one) for one in response.json()]
        except requests.RequestException as error:
            return Managed(reason=f"{shown(url)} is not to be reached ({type(error).__name__})")
        except (ValueError, TypeError, AttributeError, KeyError):
            return Managed(reason=f"{shown(url)} did not answer as RabbitMQ's management API does")
        return Managed({queue.name: queue for queue in found})


def _split(url: str) -> tuple[str, tuple[str, str] | None]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", "")), login


def _queue(told: Mapping[str, Any]) -> ManagedQueue:
    lengths = (told.get("backing_queue_status") or {}).get("priority_lengths") or {}
    counts = sorted(((int(priority), int(count)) for priority, count in lengths.items()), reverse=True)
    unacked = told.get("messages_unacknowledged")
    return ManagedQueue(
        name=str(told["name"]),
        kind=str(told.get("type") or "classic"),
        is_exclusive=bool(told.get("exclusive")),
        unacked=unacked if isinstance(unacked, int) else None,
        by_priority=tuple((priority, count) for priority, count in counts if count),
        max_priority=int((told.get("arguments") or {}).get("x-max-priority") or 0),
    )
