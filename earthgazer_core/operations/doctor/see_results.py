"""The result backend as Doctor sees it: whether it answers, and still counts the members of chords."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import redis
from celery import Celery
from celery.backends.redis import RedisBackend

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.operations.doctor.observations import Chord


def see_results(app: Celery, chords: Iterable[Chord]) -> tuple[Chord, ...]:
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
    try:
        _, *counts = pipe.execute()
    except (redis.RedisError, OSError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ServiceUnavailableError(f"result backend unavailable: {reason}") from error
    return tuple(replace(chord, has_keys=bool(count)) for chord, count in zip(chords, counts, strict=True))
