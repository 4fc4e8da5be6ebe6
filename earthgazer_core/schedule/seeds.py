"""What the code wants to be done periodically, in a form that a database can keep."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from celery.beat import ScheduleEntry

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.schedule.timing import Timing


@dataclass(frozen=True, slots=True)
class Seed:
    """One entry of ``beat_schedule``."""

    name: str
    """Its name."""
    task: str
    """Task name."""
    args: list[Any]
    """Positional arguments."""
    kwargs: dict[str, Any]
    """Named arguments."""
    options: dict[str, Any]
    """Options of publishing."""
    timing: Timing
    """When it is due."""


def seeds_of(entries: Iterable[ScheduleEntry]) -> tuple[Seed, ...]:
    """Return Celery's entries, sorted by name.

    Raises:
        InvalidInputError: one has a schedule that can't be kept, or arguments that aren't JSON.
    """
    return tuple(sorted((_seed_of(entry) for entry in entries), key=lambda seed: seed.name))


def _seed_of(entry: ScheduleEntry) -> Seed:
    try:
        args, kwargs, options = json.loads(
            json.dumps([list(entry.args or ()), entry.kwargs or {}, entry.options or {}], allow_nan=False)
        )
        timing = Timing.of_celery(entry.schedule)
    except InvalidInputError as error:
        raise InvalidInputError(f"schedule entry {entry.name}: {error}") from error
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"schedule entry {entry.name}: arguments and options have to be plain JSON: {error}"
        ) from error
    return Seed(str(entry.name), str(entry.task), args, kwargs, options, timing)
