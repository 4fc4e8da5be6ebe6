"""Commands that change a Redis broker: sent once, and one whose answer is lost is told as not known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    MaxConnectionsError,
    ResponseError,
)

from earthgazer_core.errors import UnsureError
from earthgazer_core.operations.queues.layout import Layout
from earthgazer_core.operations.reasons import reason_of

_UNDONE = (ResponseError, BusyLoadingError, AuthenticationError, AuthorizationError, MaxConnectionsError)
"""What a broker says instead of doing it, and what goes wrong before it is asked."""


@contextmanager
def acting(layout: Layout, doubt: str) -> Iterator[None]:
    """Run a command that changes something, over a connection that is there before it is sent.

    Args:
        layout: The open connection.
        doubt: What may have happened where the answer is lost.

    Raises:
        UnsureError: the answer is lost; the message says what may have happened.
    """
    pool = layout.client.connection_pool
    # Connected outside of the doubt: a broker that isn't there has not done anything.
    pool.release(pool.get_connection())
    try:
        yield
    except _UNDONE:
        raise
    except (redis.RedisError, OSError) as error:
        raise UnsureError(f"the broker's answer is lost ({reason_of(error)}): {doubt}") from error


def counted(n: int) -> str:
    """Return so many messages of which nobody knows more, in words."""
    return "one" if n == 1 else f"up to {n}"
