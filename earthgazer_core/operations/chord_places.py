"""The places in waiting chords that the success of a message is to fill, now or at its chain's end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_DEEPEST = 60


@dataclass(slots=True)
class Place:
    """What one message means to one chord that waits for it."""

    group_id: str
    """The header's group."""
    body: Mapping[str, Any]
    """Signature of what runs when all parts are there."""
    givers: set[str] = field(default_factory=set)
    """Ids whose parts in the chord come from this message, or from what follows it."""
    is_own: bool = False
    """Whether the message itself gives the part."""


def places(headers: Mapping[str, Any], embed: Mapping[str, Any]) -> tuple[Place, ...]:
    """Return the places, the nearest chord first.

    A chain in a header fills its place with its last step, a chord in a header with its body, and a
    chain that ends in a group fills several. Chords that are still to be published are left out:
    they begin with fresh keys.
    """
    found: dict[str, Place] = {}
    if headers.get("group") and isinstance(embed.get("chord"), Mapping):
        place = found.setdefault(headers["group"], Place(headers["group"], embed["chord"]))
        place.givers.add(headers["id"])
        place.is_own = True
        _walk(embed["chord"], found, 0)
    for signature in embed.get("chain") or ():
        _walk(signature, found, 0)
    return tuple(found.values())


def _walk(signature: Any, found: dict[str, Place], depth: int) -> None:
    if not isinstance(signature, Mapping) or depth > _DEEPEST:
        return
    options = signature.get("options") or {}
    kwargs = signature.get("kwargs") or {}
    group_id, chord, task_id = options.get("group_id"), options.get("chord"), options.get("task_id")
    if isinstance(chord, Mapping) and isinstance(group_id, str) and isinstance(task_id, str):
        # A group as the last step gives its parts by its members, but its failure by its own id.
        found.setdefault(group_id, Place(group_id, chord)).givers.add(task_id)
        _walk(chord, found, depth + 1)
    match signature.get("subtask_type"):
        case "chain":
            for task in kwargs.get("tasks") or ():
                _walk(task, found, depth + 1)
        case "group":
            for task in kwargs.get("tasks") or ():
                _walk(task, found, depth + 1)
        case "chord":
            _walk(kwargs.get("body"), found, depth + 1)
