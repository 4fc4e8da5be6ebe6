"""The one place where blocking calls become awaits and foreign exceptions become ours."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import hiredis
import kombu.exceptions
import redis.exceptions

from earthgazer_core import errors as core
from earthgazer_core.db.session import is_unavailable
from earthgazer_tui.fleet.errors import FleetError, NotFoundError, RefusedError, UnavailableError, UnsureError
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.thread_pool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")

LAST_CALLS_S = 2.0
"""Longest wait on closing for calls that run: one to a silent service may take many times as long."""

_MESSAGE_LIMIT = 400

logger = logging.getLogger(__name__)


class _OutOfTimeError(UnavailableError):
    """Nobody waits for a call any more."""


class Runner:
    """A bounded pool of threads; every call ends within its time limit as far as its caller can see."""

    def __init__(self, threads: int = 8, *, name: str = "fleet") -> None:
        self._pool = ThreadPool(threads, name)

    async def act(self, timeout_s: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that changes the fleet: one that is out of time may be done nevertheless.

        Raises:
            UnsureError: nobody waits for it any more, and it goes on.
            FleetError: likewise as :meth:`run` says.
        """
        try:
            return await self.run(timeout_s, function, *args, **kwargs)
        except _OutOfTimeError as error:
            raise UnsureError(f"{error}: it goes on, and may be done; look before it is done again") from None

    async def run(self, timeout_s: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``function`` returns, run in a thread.

        A call that is out of time goes on in its thread until its own limits end it; its result is lost.

        Raises:
            FleetError: whatever went wrong, in one line for people.
        """
        future = asyncio.wrap_future(self._pool.submit(partial(function, *args, **kwargs)))
        try:
            # Not wait_for: in Python 3.11 it can swallow a cancellation.
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            # Whose limit it was doesn't matter to the one who waits.
            raise _OutOfTimeError(f"no answer in {timeout_s:g} s") from None
        except Exception as error:
            raise translate(error) from error

    def close(self) -> None:
        """Take no more calls."""
        self._pool.close()

    async def last_calls(self) -> None:
        """Give those that run a moment to end."""
        await asyncio.to_thread(self._pool.wait, LAST_CALLS_S)


def translate(error: Exception) -> FleetError:
    """Return the error of ours that says in one harmless line what a foreign one means."""
    message = _message(error)
    match error:
        case FleetError():
            return error
        case core.UnsureError():
            return UnsureError(message)
        case core.TransientError():
            return UnavailableError(message)
        case core.NotFoundError():
            return NotFoundError(message)
        case core.PermanentError():
            return RefusedError(message)
        case redis.exceptions.ConnectionError() | redis.exceptions.TimeoutError() | hiredis.HiredisError():
            return UnavailableError(f"broker unavailable: {message}")
        case redis.exceptions.RedisError():
            return FleetError(f"the broker refuses: {message}")
        case kombu.exceptions.OperationalError():
            return UnavailableError(f"broker unavailable: {message}")
        case OSError():
            return UnavailableError(message)
    if (of_database := _of_database(error, message)) is not None:
        return of_database
    logger.error("unforeseen %s in the live fleet", type(error).__name__, exc_info=error)
    return FleetError(f"unforeseen {type(error).__name__}: {message}")


def _of_database(error: Exception, message: str) -> FleetError | None:
    # An error of what was never imported it can't be, and this is no time to import it.
    if "sqlalchemy" not in sys.modules:
        return None
    import sqlalchemy.exc

    if isinstance(error, sqlalchemy.exc.DBAPIError):
        if is_unavailable(error):
            return UnavailableError(f"database unavailable: {message}")
        return FleetError(f"the database refuses: {message}")
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return UnavailableError("database busy: all connections are in use")
    return None


def _message(error: Exception) -> str:
    source = getattr(error, "orig", None) or error
    lines = [line for line in str(source).splitlines() if line.strip()]
    first = lines[0].strip() if lines else type(error).__name__
    return sanitise.line(sanitise.without_credentials(first), _MESSAGE_LIMIT)
