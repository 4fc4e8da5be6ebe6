"""The parts that a chord's header has given so far, taken over by a chord of a new id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from celery import Celery
from celery.backends.redis import RedisBackend
from sqlalchemy import select
from sqlalchemy.orm import Session

from earthgazer_core.db.tables import ChordPartRow, ChordRow, TaskExecutionRow, WorkflowStepRow
from earthgazer_core.errors import RefusedError, ServiceUnavailableError
from earthgazer_core.recorder.message import Seal

_NO_INDEX = "+inf"


@dataclass(frozen=True, slots=True)
class HeaderParts:
    """A chord's header under way."""

    group_id: str
    """Its id."""
    size: int
    """Members of the header."""
    given: tuple[tuple[str, str, bytes], ...]
    """(task id, place, part as Celery keeps it) of each member that succeeded."""


class HeaderKeeper:
    """Reads what a header gave from the result backend or the record, and writes it for a new one."""

    def __init__(self, app: Celery, seal: Seal) -> None:
        self._app = app
        self._seal = seal

    def read(
        self, session: Session, run_id: str, group_id: str, open_ids: set[str], of_body: frozenset[str]
    ) -> HeaderParts:
        """Return what a header has given.

        Args:
            session: Database session.
            run_id: The run that it belongs to.
            group_id: The header's id.
            open_ids: Members that are still to give their part.
            of_body: Ids of the body's tasks: those of one that is a group bear the header's own group.

        Raises:
            RefusedError: a part or a member is missing, or the layout is not known here.
            ServiceUnavailableError: the result backend is away.
        """
        backend = self._backend()
        chord = session.get(ChordRow, group_id)
        members = session.execute(
            select(WorkflowStepRow.task_id, WorkflowStepRow.group_index, TaskExecutionRow.state)
            .outerjoin(TaskExecutionRow, TaskExecutionRow.task_id == WorkflowStepRow.task_id)
            .where(
                WorkflowStepRow.run_id == run_id,
                WorkflowStepRow.group_id == group_id,
                WorkflowStepRow.group_index.is_not(None),
                WorkflowStepRow.task_id.not_in(of_body),
            )
            .order_by(WorkflowStepRow.group_index)
        ).all()
        try:
            has_layout = bool(backend.client.exists(backend.get_key_for_group(group_id)))
            stored = self._stored(backend, group_id)
        except redis.RedisError as error:
            raise ServiceUnavailableError(f"result backend unavailable: {error}") from error
        if has_layout or (chord is not None and chord.layout is not None):
            raise RefusedError(
                f"chord {group_id} has groups inside its header, which can't be frozen anew:"
                " start the workflow again"
            )
        if not members or (chord is not None and chord.size is not None and len(members) < chord.size):
            raise RefusedError(f"not all members of the chord {group_id} are on the record")
        given = []
        for task_id, index, state in members:
            if state == "SUCCESS":
                part = stored.get(task_id) or self._recorded(session, group_id, task_id)
                given.append((task_id, _NO_INDEX if index is None else str(index), part))
            elif task_id not in open_ids:
                raise RefusedError(
                    f"{task_id} of the chord {group_id} is {state or 'yet to come'}, no message leads there"
                )
        return HeaderParts(group_id, len(members), tuple(given))

    def write(self, parts: HeaderParts, group_id: str) -> None:
        """Have a new header begin with what the old one gave.

        Raises:
            ServiceUnavailableError: the result backend is away; nothing was written.
        """
        backend = self._backend()
        keys = {name: backend.get_key_for_group(group_id, f".{name}") for name in "sdj"}
        expires = int(backend.chord_expires or 0)
        try:
            pipe = backend.client.pipeline(transaction=True)
            pipe.set(keys["s"], parts.size, ex=expires or None)
            for task_id, place, part in parts.given:
                pipe.sadd(keys["d"], f"{task_id}:{place}")
                if backend._chord_zset:
                    pipe.zadd(keys["j"], {part: float(place)})
                else:
                    pipe.rpush(keys["j"], part)
            if expires:
                pipe.expire(keys["d"], expires).expire(keys["j"], expires)
            pipe.execute()
        except redis.RedisError as error:
            raise ServiceUnavailableError(f"result backend unavailable: {error}") from error

    def _backend(self) -> Any:
        backend: Any = self._app.backend
        if not isinstance(backend, RedisBackend):
            raise RefusedError(f"it has chords, and {type(backend).__name__} is no Redis result backend")
        if self._app.conf.result_serializer != "json":
            raise RefusedError(
                f"it has chords whose parts are kept as {self._app.conf.result_serializer}, not JSON"
            )
        return backend

    def _stored(self, backend: Any, group_id: str) -> Mapping[str, bytes]:
        key = backend.get_key_for_group(group_id, ".j")
        kind = backend.client.type(key)
        if kind == b"zset":
            parts = backend.client.zrange(key, 0, -1)
        elif kind == b"list":
            parts = backend.client.lrange(key, 0, -1)
        else:
            return {}
        decoded = ((backend.decode(part), part) for part in parts)
        return {
            found[1]: part
            for found, part in decoded
            if isinstance(found, list | tuple) and len(found) == 4 and found[2] == "SUCCESS"
        }

    def _recorded(self, session: Session, group_id: str, task_id: str) -> bytes:
        row = session.scalar(
            select(ChordPartRow).where(ChordPartRow.group_id == group_id, ChordPartRow.task_id == task_id)
        )
        if row is None or not row.part:
            raise RefusedError(
                f"what {task_id} gave to its chord is neither in the result backend nor on the record"
            )
        return self._seal.open(row.part) if row.is_sealed else row.part
