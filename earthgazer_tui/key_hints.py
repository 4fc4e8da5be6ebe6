"""Keys within sentences: written with the command's id, shown as the key in force."""

from __future__ import annotations

import re
from collections.abc import Mapping

from earthgazer_tui.key_names import key_name

HINT = re.compile(r"\{(?P<id>[a-z-]+\.[a-z-]+)\|(?P<key>[^{}|]+)\}")
"""``{queue.resume|R}``: the id of a command, and its key as long as nobody chose another."""


def with_keys(text: str, keys: Mapping[str, str]) -> str:
    """Return a sentence with the keys in force in place of its hints.

    Args:
        text: A sentence such as ``{queue.resume|R} lets go on``.
        keys: Keys that the operator chose, by the ids of commands.
    """

    def in_force(found: re.Match[str]) -> str:
        chosen = keys.get(found["id"], "").split(",")[0]
        return key_name(chosen) if chosen else found["key"]

    return HINT.sub(in_force, text)
