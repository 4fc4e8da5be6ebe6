"""Which queues a worker takes from."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.operations.controls.control import ControlResult, OnAnswer, WorkerControl


def add_consumer(
    control: WorkerControl,
    workers: str | Sequence[str],
    queue: str,
    *,
    exchange: str | None = None,
    exchange_type: str | None = None,
    routing_key: str | None = None,
    on_answer: OnAnswer | None = None,
) -> ControlResult:
    """Have workers take from a queue as well; forgotten at a restart.

    Args:
        control: What to tell workers with.
        workers: Names or patterns.
        queue: Name of the queue; a worker that has it in its settings takes everything else from there.
        exchange: Its exchange; the queue's name if None.
        exchange_type: ``direct`` if None.
        routing_key: Its routing key; the queue's name if None.
        on_answer: Told of each answer at once.

    Raises:
        InvalidInputError: the queue has no name.
        NotFoundError: a pattern matches nobody.
        RefusedError: nobody answered.
        ServiceUnavailableError: the broker is away.
    """
    arguments = {
        "queue": _name(queue),
        "exchange": exchange,
        "exchange_type": exchange_type,
        "routing_key": routing_key or queue,
    }
    return control.carry_out("worker.add_consumer", "add_consumer", arguments, workers, on_answer=on_answer)


def cancel_consumer(
    control: WorkerControl, workers: str | Sequence[str], queue: str, *, on_answer: OnAnswer | None = None
) -> ControlResult:
    """Have workers take no more from a queue; what they hold of it runs; forgotten at a restart.

    Raises:
        InvalidInputError: the queue has no name.
        NotFoundError: a pattern matches nobody.
        RefusedError: nobody answered.
        ServiceUnavailableError: the broker is away.
    """
    arguments = {"queue": _name(queue)}
    return control.carry_out(
        "worker.cancel_consumer", "cancel_consumer", arguments, workers, on_answer=on_answer
    )


def _name(queue: str) -> str:
    if not queue.strip():
        raise InvalidInputError("a queue without a name")
    return queue
