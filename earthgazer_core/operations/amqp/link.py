"""A connection to RabbitMQ with limits to its patience, its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amqp.exceptions import (
    AMQPError,
    ChannelError,
    IrrecoverableConnectionError,
    MessageNacked,
    NotFound,
)
from celery import Celery
from kombu.exceptions import KombuError

from earthgazer_core.errors import NotFoundError, RefusedError, ServiceUnavailableError, UnsureError
from earthgazer_core.operations.reasons import reason_of

_PATIENCE_S = 5.0


@contextmanager
def linked(app: Celery) -> Iterator[Any]:
    """Yield a fresh connection; with it goes whatever its channels hold, back to where it was.

    Raises:
        ServiceUnavailableError: the broker is away.
        RefusedError: it refuses a command.
        NotFoundError: a queue or exchange isn't there.
    """
    with translated():
        connection = open_link(app)
        try:
            yield connection
        except (UnsureError, *connection.connection_errors):
            # Its answer to our good-bye would be waited for as long once more.
            connection.collect()
            raise
        finally:
            connection.release()


def open_link(app: Celery, heartbeat_s: int | None = None) -> Any:
    """Return a new connection; raises the transport's own errors.

    Args:
        app: The fleet's app, or one with the same broker.
        heartbeat_s: Seconds between signs of life; None takes the app's own.
    """
    # Without limits, a broker that accepts connections and says nothing would hold us for ever.
    limits = {"read_timeout": _PATIENCE_S, "write_timeout": _PATIENCE_S}
    connection: Any = app.connection_for_write(
        transport_options=limits, connect_timeout=_PATIENCE_S, heartbeat=heartbeat_s
    )
    try:
        # Not ``connect()``, which tries twice with seconds in between.
        connection.ensure_connection(max_retries=1, interval_start=0, reraise_as_library_errors=False)
    except BaseException:
        connection.release()
        raise
    return connection


@contextmanager
def translated() -> Iterator[None]:
    """Let the transport's errors become ours."""
    try:
        yield
    except NotFound as error:
        raise NotFoundError(f"the broker has no such thing: {reason_of(error)}") from error
    except MessageNacked as error:
        raise RefusedError("the broker refuses a message: its queue is full") from error
    except (ChannelError, IrrecoverableConnectionError) as error:
        raise RefusedError(f"the broker refuses: {reason_of(error)}") from error
    except (AMQPError, KombuError, OSError) as error:
        raise ServiceUnavailableError(f"broker unavailable: {reason_of(error)}") from error


@contextmanager
def doubted(doubt: str) -> Iterator[None]:
    """Do what can't be taken back: where the connection is lost, nobody knows whether it was done.

    Args:
        doubt: What may have happened.

    Raises:
        UnsureError: the connection is lost; the message says what may have happened.
    """
    try:
        yield
    except (ChannelError, MessageNacked, IrrecoverableConnectionError):
        raise
    except (AMQPError, KombuError, OSError) as error:
        raise UnsureError(f"the broker's answer is lost ({reason_of(error)}): {doubt}") from error
