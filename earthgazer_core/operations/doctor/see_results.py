"""The result backend as Doctor sees it: whether it answers, counts chords' members, and what it keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import redis
from celery import Celery
from celery.backends.redis import RedisBackend

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations.doctor.glob import glob
from earthgazer_core.operations.doctor.observations import Chord, ResultsSeen

_SCAN_S = 1.5
_SCAN_PAGE = 2_000
_SAMPLE = 200
_READ_AFTER_S = 3.0
"""The server knows to a second when a key was touched, the backend writes a result after it has read it."""


def see_results(app: Celery) -> ResultsSeen | None:
    """Return what is kept of results; None where they aren't in Redis.

    Nothing here counts as a reading: the server is asked about keys, not for what is in them.

    Raises:
        ServiceUnavailableError: the result backend is away.
    """
    backend: Any = app.backend
    if not isinstance(backend, RedisBackend):
        return None
    with _translated():
        keys, is_all = _result_keys(backend)
        # What the server returns first is no choice of its own: keys lie in it by their hash.
        sample = keys[:_SAMPLE]
        idle = _each(backend, sample, lambda pipe, key: pipe.object("IDLETIME", key))
        left = _each(backend, sample, lambda pipe, key: pipe.pttl(key))
        sizes = _each(backend, sample, lambda pipe, key: pipe.memory_usage(key))
    known = [size for size in sizes if isinstance(size, int)]
    return ResultsSeen(
        count=len(keys),
        is_all=is_all,
        size_bytes=round(len(keys) * sum(known) / len(known)) if known else 0,
        sampled=len(sample),
        forever=sum(one == -1 for one in left),
        unread=_unread(idle, left, float(getattr(backend, "expires", None) or 0)),
    )


def _result_keys(backend: Any) -> tuple[list[bytes], bool]:
    key: str | bytes = backend.get_key_for_task("x")
    prefix = (key if isinstance(key, str) else key.decode())[:-1]
    deadline = time.monotonic() + _SCAN_S
    found: dict[Any, None] = {}
    for one in backend.client.scan_iter(match=f"{glob(prefix)}*", count=_SCAN_PAGE):
        found[one] = None
        if time.monotonic() > deadline:
            return list(found), False
    return list(found), True


def _each(backend: Any, keys: list[bytes], ask: Callable[[Any, bytes], Any]) -> list[object]:
    pipe = backend.client.pipeline(transaction=False)
    for key in keys:
        ask(pipe, key)
    answers: list[object] = pipe.execute(raise_on_error=False)
    return answers


def _unread(idle: list[object], left: list[object], expires_s: float) -> int | None:
    """Return how many keys were not touched since they were written."""
    if not expires_s or not all(isinstance(one, int) for one in idle):
        # Without an expiry no age is known; under an LFU policy no time of the last touch.
        return None
    ages_s = [expires_s - ms / 1000 if isinstance(ms, int) and ms > 0 else None for ms in left]
    return sum(
        age_s is not None and isinstance(untouched, int) and untouched >= age_s - _READ_AFTER_S
        for untouched, age_s in zip(idle, ages_s, strict=True)
    )


def see_chords(app: Celery, chords: Iterable[Chord]) -> tuple[Chord, ...]:
    """Return the chords, told whether their keys are there; unknown where results aren't in Redis.

    Raises:
        ServiceUnavailableError: the result backend is away.
    """
    backend: Any = app.backend
    chords = tuple(chords)
    if not isinstance(backend, RedisBackend):
        return chords
    pipe = backend.client.pipeline(transaction=False)
    pipe.ping()
    for chord in chords:
        # The size, the lease of whoever concludes it, and a header saved as a whole.
        pipe.exists(
            backend.get_key_for_group(chord.group_id, ".s"),
            backend.get_key_for_group(chord.group_id, ".c"),
            backend.get_key_for_group(chord.group_id),
        )
    with _translated():
        _, *counts = pipe.execute()
    return tuple(replace(chord, has_keys=bool(count)) for chord, count in zip(chords, counts, strict=True))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ServiceUnavailableError(f"result backend unavailable: {reason}") from error
