"""Publishing a canvas of several messages as one deed: after a lost answer the rest is recorded, not sent."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError


class SteadyProducer:
    """Passes messages on until an answer is lost, and takes all that come after without sending them.

    A canvas that is interrupted half way can't be begun again: some of it would run twice. So whoever
    publishes it sees every message go, and the record knows all of them; what the broker never got is
    found to be nowhere, and is sent by what the record keeps of it.
    """

    def __init__(self, producer: Any) -> None:
        """Take a producer whose channel is open."""
        self._producer = producer
        self.connection: Any = producer.connection
        """What it sends by; also after an error, when the producer itself has let go of it."""
        self.sent: list[str] = []
        """Ids of the tasks whose messages the broker has taken."""
        self.unsure = ""
        """Id of the task of whose message nobody knows."""
        self.unsent: list[str] = []
        """Ids of the tasks whose messages were not sent after that."""
        self.error: BaseException | None = None
        """How the answer was lost."""

    def publish(self, body: Any, **options: Any) -> Any:
        """Publish a message, or only take it.

        Raises:
            KombuError, OSError: the first message is refused: nothing was sent.
        """
        task_id = str((options.get("headers") or {}).get("id") or "")
        if self.error is not None:
            self.unsent += [task_id] if task_id else []
            return None
        connection = self.connection
        try:
            done = self._producer.publish(body, **options)
        except (*connection.connection_errors, *connection.channel_errors, KombuError, OSError) as error:
            if not self.sent and isinstance(error, connection.channel_errors):
                raise
            self.error, self.unsure = error, task_id
            return None
        self.sent += [task_id] if task_id else []
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)


class OneProducer:
    """An app that publishes with one producer; Celery's chords take one from the app's pool otherwise."""

    def __init__(self, app: Celery, producer: SteadyProducer) -> None:
        """Take the app that does everything else, and the producer."""
        self._app = app
        self._producer = producer

    def producer_or_acquire(self, producer: Any = None) -> AbstractContextManager[Any]:
        """Return the producer, whoever asks."""
        return nullcontext(producer or self._producer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)
