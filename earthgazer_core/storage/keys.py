"""Keys of objects: built from untrusted names, and never a way out of their root."""

from __future__ import annotations

import re
from typing import Final

from earthgazer_core.errors import InvalidInputError

# A leading dot is left to our own partial files; everything else that a shell, a URL or a file system
# reads as more than a letter is refused rather than translated, so that two names never meet in one key.
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=+-]*")
_LONGEST_SEGMENT: Final = 200
_LONGEST_KEY: Final = 900


def safe_key(*names: str) -> str:
    """Return the key whose segments are ``names``: product ids, bands, file names, each without a slash.

    Raises:
        InvalidInputError: a name is empty, too long, starts with a dot or a dash, or has a character that
            is none of letters, digits and ``._=+-``.
    """
    for name in names:
        if len(name) > _LONGEST_SEGMENT or not _SEGMENT.fullmatch(name):
            raise InvalidInputError(
                f"{name[:80]!r} can't be part of a storage key: letters, digits and ._=+- are allowed,"
                f" up to {_LONGEST_SEGMENT} of them, the first a letter, a digit or _"
            )
    key = "/".join(names)
    if not names or len(key) > _LONGEST_KEY:
        raise InvalidInputError(f"a storage key has 1 to {_LONGEST_KEY} characters, this one {len(key)}")
    return key


def checked_key(key: str) -> str:
    """Return ``key`` if each of its segments is safe.

    Raises:
        InvalidInputError: as :func:`safe_key`.
    """
    return safe_key(*key.split("/"))
