"""Whether the result backend still counts the members of a chord."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import redis
from celery import Celery
from celery.backends.redis import RedisBackend

from earthgazer_core.operations.doctor.observations import Chord


def with_keys(app: Celery, chords: Iterable[Chord]) -> tuple[Chord, ...]:
    """Return the chords, told whether their keys are there; unknown where results aren't in Redis."""
    backend: Any = app.backend
    chords = tuple(chords)
    if not isinstance(backend, RedisBackend) or not chords:
        return chords
    pipe = backend.client.pipeline(transaction=False)
    for chord in chords:
        # The size, the lease of whoever concludes it, and a header saved as a whole.
        pipe.exists(
            backend.get_key_for_group(chord.group_id, ".s"),
            backend.get_key_for_group(chord.group_id, ".c"),
            backend.get_key_for_group(chord.group_id),
        )
    try:
        counts = pipe.execute()
    except redis.RedisError:
        # Nothing is claimed of what can't be seen; the broker, mostly the same server, is looked at apart.
        return chords
    return tuple(replace(chord, has_keys=bool(count)) for chord, count in zip(chords, counts, strict=True))
