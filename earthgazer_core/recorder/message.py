"""A task's whole message in a form that can be kept and published again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery import Celery
from cryptography.fernet import Fernet, InvalidToken
from kombu.exceptions import SerializationError
from kombu.serialization import dumps, loads

from earthgazer_core.errors import InvalidInputError, RefusedError

Body = tuple[Any, Any, Mapping[str, Any]]
"""(args, kwargs, what comes next)."""


class Seal:
    """Encrypts stored bodies whose arguments are hidden; without a key such bodies aren't stored."""

    def __init__(self, key: str | None) -> None:
        """Take a Fernet key.

        Raises:
            InvalidInputError: the key isn't one.
        """
        try:
            self._fernet = Fernet(key) if key else None
        except ValueError as error:
            raise InvalidInputError(
                "EARTHGAZER__RECORDER__ENCRYPTION_KEY: expected a Fernet key, 32 bytes in url-safe base64"
            ) from error

    def close(self, body: bytes) -> bytes:
        """Return the sealed body; empty where there is no key."""
        return self._fernet.encrypt(body) if self._fernet else b""

    def open(self, sealed: bytes) -> bytes:
        """Return the body again.

        Raises:
            RefusedError: it wasn't stored, there is no key here, or another one.
        """
        if not sealed:
            raise RefusedError(
                "its arguments are hidden and the worker had no EARTHGAZER__RECORDER__ENCRYPTION_KEY,"
                " so its message was not kept"
            )
        if self._fernet is None:
            raise RefusedError(
                "its arguments are hidden: set EARTHGAZER__RECORDER__ENCRYPTION_KEY to the workers' key"
            )
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise RefusedError("its arguments are hidden and sealed with another encryption key") from error


def serialise(app: Celery, task_name: str, body: Body) -> tuple[str, str, bytes]:
    """Return (content type, content encoding, bytes) of a body, as the task's own publisher would send it."""
    task = app.tasks.get(task_name)
    serializer = getattr(task, "serializer", None) or app.conf.task_serializer
    content_type, content_encoding, payload = dumps(body, serializer=serializer)
    return content_type, content_encoding, payload.encode() if isinstance(payload, str) else payload


def parse_json_body(content_type: str, content_encoding: str, body: bytes) -> Body | None:
    """Return the parts of a JSON body; None for any other type, which is never decoded here."""
    if content_type != "application/json":
        return None
    try:
        parts = loads(body, content_type, content_encoding, accept={"application/json"})
    except (SerializationError, RecursionError):
        return None
    if not isinstance(parts, list) or len(parts) != 3 or not isinstance(parts[2], dict):
        return None
    return parts[0], parts[1], parts[2]
