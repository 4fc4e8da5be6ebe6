"""The keys of a chord in Redis: whether a place in it can be filled again, and making it so.

A chord is waited for by counting parts in the result backend. To run a failed member again, its part
has to be taken out and the count set again; where the keys are gone, everything that the others gave
has to be put back first. Any layout that isn't known is refused: mending it by guess would run a body
twice or never.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import redis
from celery import Celery
from celery.backends.redis import RedisBackend
from celery.exceptions import TimeoutError as JoinTimeoutError
from celery.result import allow_join_result

from earthgazer_core.errors import RefusedError, ServiceUnavailableError
from earthgazer_core.operations.chord_record import ChordRecord, Part
from earthgazer_core.operations.chord_scripts import CONCLUDE, RELEASE, SETTLE

logger = logging.getLogger(__name__)

_JOIN_WITHIN_S = 10.0
_DONE_FOR_S = 3600
_REASONS = {
    "done": "the chord's body was sent already",
    "busy": "a worker concludes the chord just now: try again in some seconds",
    "fresh": "other members of the chord's header are still on their way: try again later",
    "gone": (
        "the chord's keys have expired in the result backend, and the record does not say how many"
        " members its header has, so its body could never run"
    ),
}


@dataclass(frozen=True, slots=True)
class Repair:
    """A chord, and what is to be taken out of it."""

    record: ChordRecord
    """What is known of it."""
    givers: frozenset[str] = frozenset()
    """Ids whose failed parts are taken out."""
    added: frozenset[str] = frozenset()
    """Members that go with them, because the failed run had added them and the next adds its own."""


@dataclass(frozen=True, slots=True)
class _State:
    """A chord's keys at one moment."""

    lease: bytes | None
    has_size: bool
    givers_kind: bytes
    parts_kind: bytes
    back: int


class ChordKeys:
    """The chords of one app's Redis result backend."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def refusal(self, repair: Repair) -> str:
        """Return why the chord can't be settled as it stands; empty where it can.

        Raises:
            ServiceUnavailableError: the result backend is away.
        """
        backend: Any = self._app.backend
        if not isinstance(backend, RedisBackend):
            return f"it belongs to a chord, and {type(backend).__name__} is no Redis result backend"
        serializer = self._app.conf.result_serializer
        if serializer != "json":
            return f"it belongs to a chord whose parts are kept as {serializer}, not JSON"
        try:
            return self._refusal(repair.record, self._state(repair.record.group_id))
        except redis.RedisError as error:
            raise ServiceUnavailableError(f"result backend unavailable: {error}") from error

    def settle(self, repair: Repair) -> None:
        """Make the chord wait for the parts that are taken out, with all others in it, all at once.

        Raises:
            RefusedError: it can't be; nothing was changed.
            ServiceUnavailableError: the result backend is away.
        """
        self._settle(repair, "")

    def rename(self, group_id: str, old_id: str, new_id: str) -> None:
        """Let a copy stand for its original in the shape of a header with groups inside.

        Raises:
            ServiceUnavailableError: the result backend is away.
        """
        client: Any = self._app.backend.client  # type: ignore[attr-defined]
        key = self._keys(group_id)["layout"]
        try:
            layout = client.get(key)
            if layout is not None and old_id.encode() in layout:
                client.set(key, layout.replace(old_id.encode(), new_id.encode()), keepttl=True)
        except redis.RedisError as error:
            raise ServiceUnavailableError(f"result backend unavailable: {error}") from error

    @contextmanager
    def claimed(self, record: ChordRecord) -> Iterator[list[Any]]:
        """Claim the body of a chord that has all its parts, and yield what it is to be called with.

        Leaving without an error concludes the chord as Celery would; with one, the claim is given back.

        Raises:
            RefusedError: parts are missing, or the body was sent already.
            ServiceUnavailableError: the result backend is away.
        """
        token = uuid4().hex
        keys = self._keys(record.group_id)
        client: Any = self._app.backend.client  # type: ignore[attr-defined]
        back, wanted = self._settle(Repair(record), token)
        if back != wanted:
            raise RefusedError(f"its chord has {back} of {wanted} parts")
        try:
            yield self._results(record)
        except BaseException:
            with suppress(redis.RedisError):
                # Where it can't be given back, it ends by itself.
                client.eval(RELEASE, 1, keys["c"], token)
            raise
        names = [keys[name] for name in "cjtsd"]
        try:
            client.eval(CONCLUDE, 5, *names, token, _DONE_FOR_S)
        except redis.RedisError as error:
            # The body is out: it must not look as if it were not, and the record keeps it from going twice.
            logger.warning("chord %s could not be concluded: %s", record.group_id, error)

    def _refusal(self, record: ChordRecord, state: _State) -> str:
        if state.lease == b"done" or record.is_body_sent:
            return _REASONS["done"]
        if state.lease and state.has_size:
            return _REASONS["busy"]
        if state.givers_kind not in (b"set", b"none") or state.parts_kind not in (b"zset", b"list", b"none"):
            return "the chord's keys are of a layout that is not known here"
        if state.has_size or self._is_whole(record, state):
            return ""
        return _rebuilding(record)

    def _settle(self, repair: Repair, token: str) -> tuple[int, int]:
        record = repair.record
        reason = self.refusal(repair)
        if reason:
            raise RefusedError(reason)
        backend: Any = self._app.backend
        keys = self._keys(record.group_id)
        out = repair.givers | repair.added
        try:
            state = self._state(record.group_id)
            is_rebuilt = bool(token) or not (state.has_size or self._is_whole(record, state))
            held = self._held(keys["j"], state.parts_kind)
            # A first run that failed keeps a later copy's success out of the chord.
            outdone = {giver for giver, is_success, _ in held if not is_success} if token else set()
            good = {giver for giver, is_success, _ in held if is_success}
            parts = [
                part for part in record.parts
                if part.raw and part.task_id not in out and part.task_id not in good
            ]  # fmt: skip
            out |= outdone & {part.task_id for part in parts}
            if is_rebuilt:
                self._restore_results(record, parts)
            answer = backend.client.eval(
                SETTLE,
                6,
                *(keys[name] for name in "cstdj"),
                keys["layout"],
                int(backend.chord_expires or 0),
                self._total(record, state, len(repair.added)),
                1 if record.is_ordered is not False else 0,
                token,
                (record.layout or b"") if is_rebuilt else b"",
                *_counted(out - repair.added),
                *_counted(repair.added),
                *_counted(raw for giver, _, raw in held if giver in out),
                *_counted(_triples(parts) if is_rebuilt else ()),
            )
        except redis.RedisError as error:
            raise ServiceUnavailableError(f"result backend unavailable: {error}") from error
        word = answer[0].decode() if isinstance(answer[0], bytes) else str(answer[0])
        if word != "settled":
            raise RefusedError(_REASONS.get(word, word))
        return int(answer[1]), int(answer[2])

    def _state(self, group_id: str) -> _State:
        keys = self._keys(group_id)
        pipe = self._app.backend.client.pipeline(transaction=True)  # type: ignore[attr-defined]
        pipe.get(keys["c"]).exists(keys["s"]).type(keys["d"]).type(keys["j"])
        pipe.scard(keys["d"])
        lease, has_size, givers, parts, back = pipe.execute(raise_on_error=False)
        return _State(lease, bool(has_size), givers, parts, back if isinstance(back, int) else 0)

    def _is_whole(self, record: ChordRecord, state: _State) -> bool:
        """Whether the keys themselves say how many parts there are, because all came back."""
        return state.back > 0 and state.back >= (record.total or len(record.members))

    def _total(self, record: ChordRecord, state: _State, dropped: int) -> int:
        if self._is_whole(record, state):
            return state.back - dropped
        return -1 if record.total is None else record.total - dropped

    def _held(self, key: Any, kind: bytes) -> list[tuple[Any, bool, bytes]]:
        """Return (giver, whether it succeeded, raw part) of the parts that are there."""
        backend: Any = self._app.backend
        if kind not in (b"zset", b"list"):
            return []
        read = backend.client.lrange if kind == b"list" else backend.client.zrange
        return [(*_giver(backend, raw), raw) for raw in read(key, 0, -1)]

    def _restore_results(self, record: ChordRecord, parts: Iterable[Part]) -> None:
        """Put back the members' own results, which Celery reads where a header has groups inside."""
        if record.layout is None:
            return
        backend: Any = self._app.backend
        for part in parts:
            key = backend.get_key_for_task(part.task_id)
            stored = backend.client.get(key)
            if stored is None or backend.decode(stored).get("status") != "SUCCESS":
                meta = {
                    "status": "SUCCESS",
                    "result": backend.decode(part.raw)[3],
                    "traceback": None,
                    "children": [],
                    "date_done": datetime.now(UTC).isoformat(),
                    "task_id": part.task_id,
                }
                backend.client.set(key, backend.encode(meta), ex=int(backend.expires or 0) or None)

    def _results(self, record: ChordRecord) -> list[Any]:
        backend: Any = self._app.backend
        keys = self._keys(record.group_id)
        header: Any = self._app.GroupResult.restore(record.group_id, backend=backend)
        if header is not None:
            return self._joined(header)
        is_list = backend.client.type(keys["j"]) == b"list"
        raws = (backend.client.lrange if is_list else backend.client.zrange)(keys["j"], 0, -1)
        return [backend.decode(raw)[3] for raw in raws]

    def _joined(self, header: Any) -> list[Any]:
        try:
            with allow_join_result():
                joined: list[Any] = header.join_native(timeout=_JOIN_WITHIN_S, propagate=True)
        except JoinTimeoutError as error:
            raise RefusedError("results of its header are gone from the result backend") from error
        return joined

    def _keys(self, group_id: str) -> Mapping[str, Any]:
        backend: Any = self._app.backend
        keys = {name: backend.get_key_for_group(group_id, f".{name}") for name in "cstdj"}
        return {**keys, "layout": backend.get_key_for_group(group_id)}


def _rebuilding(record: ChordRecord) -> str:
    """Return why a chord without keys can't be rebuilt from the record; empty where it can."""
    if record.is_fresh and record.size is None:
        return _REASONS["fresh"]
    if record.total is None:
        return _REASONS["gone"]
    if record.layout is None and not record.is_flat:
        return "the chord's keys are gone, and its header has groups inside whose shape was not recorded"
    kept = {part.task_id for part in record.parts if part.raw}
    for member in record.members:
        if member.state == "SUCCESS" and member.task_id not in kept:
            return f"the chord's keys are gone, and the result of its member {member.task_id} was not kept"
    return ""


def _counted(items: Iterable[Any]) -> list[Any]:
    listed = list(items)
    return [len(listed), *listed]


def _triples(parts: Iterable[Part]) -> Iterator[Any]:
    for part in parts:
        yield f"{part.task_id}:{part.place}"
        yield part.place
        yield part.raw


def _giver(backend: Any, raw: bytes) -> tuple[Any, bool]:
    part: Any = backend.decode(raw)
    if not isinstance(part, list | tuple) or len(part) != 4:
        return None, False
    return part[1], part[2] == "SUCCESS"
