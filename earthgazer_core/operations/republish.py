"""Putting a recorded message on the broker again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from amqp.exceptions import AMQPError, ChannelError, MessageNacked
from celery import Celery
from celery.canvas import Signature
from celery.result import denied_join_result
from kombu.exceptions import KombuError

from earthgazer_core.errors import RefusedError, ServiceUnavailableError, UnsureError
from earthgazer_core.operations.brokers import AMQP, kind_of
from earthgazer_core.operations.reasons import reason_of
from earthgazer_core.operations.steady import OneProducer, SteadyProducer
from earthgazer_core.recorder.describe import parse_time
from earthgazer_core.recorder.graph import first_steps
from earthgazer_core.recorder.revocations import FORGET_REVOKED

_PATIENCE_S = 5
_OF_DELIVERY = ("delivery_tag", "delivery_info", "body_encoding")


def renewed(
    headers: Mapping[str, Any], properties: Mapping[str, Any], at: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return headers and properties without what belonged to an earlier delivery.

    The last automatic retry's message would get none, and a time that is past would have a worker
    discard it at once.
    """
    fresh = {**headers, "retries": 0}
    for name in ("eta", "expires"):
        moment = parse_time(fresh.get(name))
        if moment is not None and moment <= at:
            fresh[name] = None
    return fresh, {name: value for name, value in properties.items() if name not in _OF_DELIVERY}


def publish(
    app: Celery,
    headers: Mapping[str, Any],
    properties: Mapping[str, Any],
    content: tuple[str, str, bytes],
    queue: str | None,
) -> None:
    """Send a message to where it went before; no signal of Celery's is sent.

    RabbitMQ, which would drop a message that no queue takes, is asked for its word that one has taken it.

    Raises:
        RefusedError: the broker has no queue for it, or refuses it; nothing was sent.
        ServiceUnavailableError: the broker is away; nothing was sent.
        UnsureError: its answer is lost; whoever sends once more may send twice.
    """
    content_type, content_encoding, body = content
    exchange = properties.get("exchange") or ""
    routing_key = properties.get("routing_key") or queue
    known = app.amqp.queues.get(queue) if queue and queue in app.amqp.queues else None
    options = {
        name: properties[name]
        for name in ("priority", "correlation_id", "reply_to")
        if properties.get(name) is not None
    }
    with _translated(), _connected(app) as connection, connection.channel() as channel:
        producer = app.amqp.Producer(channel, auto_declare=False)
        if known is not None:
            producer.maybe_declare(known)
        with _sending(connection, str(headers.get("id"))):
            producer.publish(
                body,
                exchange=exchange,
                routing_key=routing_key,
                content_type=content_type,
                content_encoding=content_encoding,
                headers=dict(headers),
                delivery_mode=2,
                retry=False,
                mandatory=True,
                confirm_timeout=_PATIENCE_S,
                **options,
            )


def publish_signature(
    app: Celery,
    signature: Mapping[str, Any],
    results: list[Any],
    header: Mapping[str, Any],
    queue: str | None,
) -> None:
    """Publish a chord's body as the worker that concluded the chord would have done.

    Args:
        app: The fleet's app.
        signature: The body, with the ids that its tasks will have.
        results: What its header's members gave.
        header: Message headers of one of them, whose run and root the body shares.
        queue: Where it goes; None for where the app or the signature says.

    Raises:
        RefusedError: the broker refuses it.
        ServiceUnavailableError: the broker is away; nothing was sent.
        UnsureError: an answer is lost; whoever sends once more may send twice. All of its messages count as
            sent, also those that were not: Celery's signals told of each.
    """
    options: dict[str, Any] = {"headers": {"run_id": header["run_id"]} if header.get("run_id") else {}}
    if signature.get("subtask_type") in (None, "chain"):
        options |= {"root_id": header.get("root_id") or header["id"], "parent_id": header["id"]}
    if queue is not None:
        options["queue"] = queue
    with (
        _translated(),
        _connected(app) as connection,
        # The channel is opened now: what goes wrong with that has sent nothing.
        app.amqp.Producer(connection.default_channel, auto_declare=False) as producer,
        # Or this process would subscribe to a result that nobody here waits for.
        denied_join_result(),
        _sending(connection, ", ".join(task_id for task_id, _ in first_steps(signature))),
    ):
        steady = SteadyProducer(producer)
        # Each of its tasks is to know the app, or Celery's default one would route it.
        one: Any = OneProducer(app, steady)
        body: Any = Signature.from_dict(dict(signature), app=one)
        body.apply_async((results,), producer=steady, retry=False, confirm_timeout=_PATIENCE_S, **options)
        if steady.error is not None:
            # Or RabbitMQ's answer to our good-bye would be waited for without an end.
            connection.collect()
            raise _unsure(steady) from steady.error


def forget_revoked(app: Celery, task_ids: Iterable[str]) -> None:
    """Have workers that record forget that these were revoked; nobody waits for their answers.

    Celery revokes all tasks of a body that is a group when its header fails. What is published under those
    ids later is discarded by every worker that heard of it.

    Raises:
        RefusedError: the broker refuses; nothing was published.
        ServiceUnavailableError: the broker is away; likewise.
    """
    with _translated(), _connected(app) as connection:
        try:
            app.control.broadcast(
                FORGET_REVOKED, arguments={"task_ids": sorted(task_ids)}, connection=connection
            )
        except connection.connection_errors as error:
            # Or RabbitMQ's answer to our good-bye would be waited for without an end.
            connection.collect()
            raise ServiceUnavailableError(
                f"broker unavailable, nothing was published: {reason_of(error)}"
            ) from error


@contextmanager
def _connected(app: Celery) -> Iterator[Any]:
    # Without limits, a broker that accepts connections and says nothing would hold us for ever.
    options: dict[str, Any]
    if kind_of(app) == AMQP:
        options = {"confirm_publish": True, "read_timeout": _PATIENCE_S, "write_timeout": _PATIENCE_S}
    else:
        # Sent once: a second try would send it twice where only the answer was lost.
        limits = {"socket_timeout": _PATIENCE_S, "socket_connect_timeout": _PATIENCE_S}
        options = {**limits, **(app.conf.broker_transport_options or {}), "retry_on_timeout": False}
    with app.connection_for_write(transport_options=options, connect_timeout=_PATIENCE_S) as connection:
        connection.ensure_connection(max_retries=1, timeout=_PATIENCE_S)
        yield connection


@contextmanager
def _sending(connection: Any, task_ids: str) -> Iterator[None]:
    try:
        yield
    except (*connection.channel_errors, MessageNacked) as error:
        raise RefusedError(
            f"the broker refuses the message, nothing was published: {reason_of(error)}"
        ) from error
    except (*connection.connection_errors, KombuError, OSError) as error:
        # Or RabbitMQ's answer to our good-bye would be waited for without an end.
        connection.collect()
        raise _maybe_published(error, task_ids) from error
    except KeyboardInterrupt:
        connection.collect()
        raise


def _unsure(steady: SteadyProducer) -> UnsureError:
    if not (steady.sent or steady.unsent):
        return _maybe_published(steady.error, steady.unsure)
    total = len(steady.sent) + 1 + len(steady.unsent)
    return UnsureError(
        f"{len(steady.sent)} of {total} messages published; of {steady.unsure} the broker's answer is lost"
        f" ({reason_of(steady.error)}), so that it may have been published, and {len(steady.unsent)} were not"
        " sent after that. All count as sent, and the reconciler publishes those that are nowhere"
    )


def _maybe_published(error: BaseException | None, task_ids: str) -> UnsureError:
    return UnsureError(
        f"broker unavailable, the message may have been published: {reason_of(error)}; before it is sent"
        f" again, see whether {task_ids} waits in its queue, runs or has run"
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ChannelError, MessageNacked) as error:
        reason = reason_of(error)
        raise RefusedError(f"the broker refuses the message, nothing was published: {reason}") from error
    except (AMQPError, KombuError, OSError) as error:
        reason = reason_of(error)
        raise ServiceUnavailableError(f"broker unavailable, nothing was published: {reason}") from error
