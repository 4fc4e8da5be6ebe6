"""The Celery app of a fleet that isn't ours: imported where it can be, else made from its broker alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery
from celery.app.defaults import DEFAULTS
from celery.app.utils import find_app

from earthgazer_core.errors import InvalidInputError
from earthgazer_core.tls import verified
from earthgazer_tui.fleet.live import sanitise

SOCKET_OPTIONS = {"socket_connect_timeout": 3.0, "socket_timeout": 10.0, "socket_keepalive": True}
"""A console must notice a broker that went silent; a worker has other means."""
_VARIABLES = (
    "CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND",
)  # fmt: skip
_OWN_KEYS = {"broker_url", "broker_read_url", "broker_write_url", "result_backend"}
_set_aside: dict[str, str] = {}


def fleet_app(broker_url: str | None, name: str | None, result_backend: str | None) -> Celery:
    """Return an app that reaches a fleet; several of them can be used in one process.

    Args:
        broker_url: Its broker; that of the imported app if None.
        name: ``module:app`` to import, with the working directory on the path as ``celery -A`` has it.
        result_backend: Its results; those of the imported app if None, or without one the broker's Redis.

    Raises:
        InvalidInputError: the app can't be imported, or names no broker.
    """
    app = Celery("earthgazer-console", set_as_current=False)
    conf: dict[str, Any] = {}
    if name is not None:
        source = _imported(name)
        # A copy, so that the same module serves for several brokers.
        chosen = (key for key in DEFAULTS if key not in _OWN_KEYS and source.conf.value_set_for(key))
        conf = {key: source.conf[key] for key in chosen}
        with _celery_variables():
            broker_url = broker_url or source.conf.broker_read_url
            result_backend = result_backend or source.conf.result_backend
    _put_variables_aside()
    if broker_url and name is None:
        broker_url = verified(broker_url)
    if not broker_url:
        raise InvalidInputError(f"--app {name}: it names no broker; give one with --broker")
    app.conf.update(conf)
    if speaks_redis(broker_url):
        options = dict(app.conf.broker_transport_options or {})
        app.conf.broker_transport_options = {**SOCKET_OPTIONS, **options}
        if name is None:
            result_backend = result_backend or broker_url
    app.conf.update(
        broker_url=broker_url, broker_read_url=broker_url, broker_write_url=broker_url,
        result_backend=result_backend,
    )  # fmt: skip
    return app


def speaks_redis(broker_url: str) -> bool:
    """Whether a broker of this URL speaks Redis."""
    return broker_url.startswith(("redis", "rediss", "sentinel", "socket", "valkey"))


def _imported(name: str) -> Celery:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        with _celery_variables():
            found = find_app(name)
            if isinstance(found, Celery):
                found.conf.broker_url  # noqa: B018 - reading its configuration may fail as importing may
    except (Exception, SystemExit) as error:
        # Whatever code of others does when it is imported is told in one line.
        reason = sanitise.line(sanitise.without_credentials(f"{type(error).__name__}: {error}"))
        raise InvalidInputError(f"--app {name} can't be imported: {reason}") from error
    if not isinstance(found, Celery):
        raise InvalidInputError(f"--app {name} is a {type(found).__name__}, no Celery app")
    return found


@contextmanager
def _celery_variables() -> Iterator[None]:
    """Let an app that is imported see the variables that Celery reads."""
    os.environ.update(_set_aside)
    try:
        yield
    finally:
        _put_variables_aside()


def _put_variables_aside() -> None:
    """Take Celery's variables from the environment: they would win over the broker of every app here."""
    for variable in _VARIABLES:
        if variable in os.environ:
            _set_aside[variable] = os.environ.pop(variable)
