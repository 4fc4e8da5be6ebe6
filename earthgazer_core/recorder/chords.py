"""What a chord's header members leave behind: their parts, and what the chord was waiting for."""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import datetime
from typing import Any

import redis
from celery import Celery
from celery.backends.redis import RedisBackend
from kombu.exceptions import EncodeError

from earthgazer_core.recorder.batch import Record
from earthgazer_core.recorder.message import Seal

logger = logging.getLogger(__name__)

_LONGEST_PART = 4 * 1024 * 1024
_MOST_REMEMBERED = 1_000
NO_INDEX = "+inf"
"""Place of a member without an index, as Celery spells it."""


class ChordRecorder:
    """Keeps what would be lost with a chord's keys: parts byte for byte, the size, the header's shape."""

    def __init__(self, app: Celery, seal: Seal) -> None:
        self._app = app
        self._seal = seal
        self._known: OrderedDict[str, None] = OrderedDict()
        """Chords whose size is on the record, so that it is asked for once per process."""

    def seen(self, request: Any, at: datetime) -> list[Record]:
        """Return what the chord's keys tell of it, at most once for each chord.

        Celery writes size and shape where nobody is told, so a worker reads them with the first
        part that it gives. A backend that doesn't answer costs the record that, never the task.
        """
        backend: Any = self._app.backend
        if not _is_member(request) or request.group in self._known or not isinstance(backend, RedisBackend):
            return []
        try:
            layout, size = backend.client.mget(
                backend.get_key_for_group(request.group), backend.get_key_for_group(request.group, ".s")
            )
        except redis.RedisError as error:
            logger.debug("recorder: keys of chord %s can't be read: %s", request.group, error)
            return []
        if size is not None:
            self._known[request.group] = None
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        row = {
            "group_id": request.group,
            "size": None if size is None else int(size),
            "layout": layout,
            "is_ordered": bool(getattr(backend, "_chord_zset", True)),
            "seen_at": at,
        }
        return [("chords", row)]

    def part(self, request: Any, result: Any, at: datetime, *, must_seal: bool) -> list[Record]:
        """Return the part that a success gave to its chord; none where the task is in no chord."""
        if not _is_member(request):
            return []
        row = {
            "group_id": request.group,
            "task_id": request.id,
            "place": NO_INDEX if request.group_index is None else str(request.group_index),
            "part": self._encoded(request.id, result, must_seal=must_seal),
            "is_sealed": must_seal,
            "at": at,
        }
        return [("parts", row)]

    def _encoded(self, task_id: str, result: Any, *, must_seal: bool) -> bytes:
        backend: Any = self._app.backend
        try:
            part = backend.encode([1, task_id, "SUCCESS", backend.encode_result(result, "SUCCESS")])
        except EncodeError:
            # Then Celery could not keep it either, and says so itself.
            return b""
        raw = part.encode() if isinstance(part, str) else bytes(part)
        if len(raw) > _LONGEST_PART:
            return b""
        return self._seal.close(raw) if must_seal else raw


def _is_member(request: Any) -> bool:
    return bool(request.chord and request.group and request.id)
