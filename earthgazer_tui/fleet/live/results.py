"""Keeps the console from listening to results: it publishes workflows and waits for none of them."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.app import backends
from celery.backends import redis as redis_backend

# The stubs know neither the class nor what `by_url` returns.
_redis: Any = redis_backend
_by_url: Any = backends.by_url


class _Unheard(_redis.ResultConsumer):  # type: ignore[misc]
    """Subscribes to nothing, so there is nothing to end when a result object goes, or the broker."""

    def start(self, initial_task_id: str, **_: Any) -> None:
        """Do nothing."""

    def consume_from(self, task_id: str) -> None:
        """Do nothing."""

    def cancel_for(self, task_id: str) -> None:
        """Do nothing."""

    def on_after_fork(self) -> None:
        """Do nothing."""


def leave_results_unheard(app: Celery) -> None:
    """Let publishing write what chords need to the result backend, and subscribe to nothing.

    Celery would subscribe to each member of a group, and unsubscribe whenever the garbage collector finds
    the result: on a broker that is away just then, that ends in a traceback on the operator's screen.
    """
    backend, url = _by_url(app.conf.result_backend, app.loader)
    if not issubclass(backend, _redis.RedisBackend):
        return

    class UnheardBackend(backend):  # type: ignore[misc, valid-type]
        ResultConsumer = _Unheard

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "url": url})

    console: Any = app
    console.backend_cls = UnheardBackend
