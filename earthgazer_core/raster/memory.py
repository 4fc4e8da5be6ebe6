"""Keeping the memory of a process that makes rasters small, one product after the other."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_M_ARENA_MAX = -8
"""Of ``malloc.h``."""
_ARENAS = 2
"""As many as threads are busy at a time."""


@contextmanager
def frugal_memory() -> Iterator[None]:
    """Keep what threads allocate inside together, and hand what is free at the end back to the system.

    glibc gives almost each thread a heap of its own and keeps in each what was freed, so that a process
    that works with a few threads anew for every product would grow from one to the next.
    """
    _limit_arenas()
    try:
        yield
    finally:
        _trim()


@cache
def _limit_arenas() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def _trim() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
