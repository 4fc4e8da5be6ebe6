"""What is recorded of a message: its arguments as they may be shown, its place, its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.utils.saferepr import saferepr

from earthgazer_core.recorder.batch import Row
from earthgazer_core.recorder.message import Body, Seal, serialise
from earthgazer_core.recorder.order import generation_of, state_order
from earthgazer_core.recorder.redaction import Redactor, texts_in

BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
"""Publishing time of a message that was rebuilt by a worker: the publisher's own record wins."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a message as they may be shown."""

    args_repr: str
    """Positional ones."""
    kwargs_repr: str
    """Named ones."""
    is_redacted: bool
    """Whether any of its own is hidden."""
    must_seal: bool
    """Whether its body, or what comes after it, holds hidden values."""
    payload: tuple[str, str, bytes]
    """Content type, content encoding and body."""


class Describer:
    """Turns messages and requests into rows."""

    def __init__(self, app: Celery, redactor: Redactor, seal: Seal) -> None:
        self._app = app
        self._redactor = redactor
        self._seal = seal

    def arguments(
        self, headers: Mapping[str, Any], body: Body, payload: tuple[str, str, bytes] | None = None
    ) -> Arguments:
        """Return the arguments of a message as they may be shown."""
        name = headers["task"]
        args, kwargs, embed = body
        payload = payload or serialise(self._app, name, body)
        args_repr, kwargs_repr = (
            text if isinstance(text := headers.get(key), str) else None for key in ("argsrepr", "kwargsrepr")
        )
        if headers.get("is_redacted"):
            # Masked by the publisher already.
            return Arguments(args_repr or "", kwargs_repr or "", True, True, payload)
        text = payload[2].decode("utf-8", "replace")
        # The password of a URL is one whatever its argument is called.
        mentions = self._redactor.mentions_secret(text) or "://" in text
        hides_args = args_repr is not None and not self._is_repr(args_repr, args)
        hides_kwargs = kwargs_repr is not None and not self._is_repr(kwargs_repr, kwargs)
        is_redacted = hides_args or hides_kwargs
        if mentions or self._redactor.hides_position(name, len(args)):
            masked_args, masked_kwargs, hidden = self._redactor.mask_call(name, args, kwargs)
            shown_args, shown_kwargs = map(self._redactor.mask_value, (masked_args, masked_kwargs))
            if hidden or shown_args is not masked_args or shown_kwargs is not masked_kwargs:
                is_redacted = True
                masked_args, masked_kwargs = shown_args, shown_kwargs
                args_repr = args_repr if hides_args else self._repr(masked_args)
                kwargs_repr = kwargs_repr if hides_kwargs else self._repr(masked_kwargs)
        # An author's own words, or those of a publisher that cut them, may repeat what is hidden.
        args_repr, kwargs_repr = (
            self._redactor.mask_text(text) if isinstance(text, str) else None
            for text in (args_repr, kwargs_repr)
        )
        follows = embed and any(embed.get(key) for key in ("chain", "chord", "callbacks", "errbacks"))
        must_seal = is_redacted or bool(follows and self._redactor.must_seal(embed))
        return Arguments(
            self._repr(args) if args_repr is None else args_repr,
            self._repr(kwargs) if kwargs_repr is None else kwargs_repr,
            is_redacted,
            must_seal,
            payload,
        )

    def hidden_texts(self, request: Mapping[str, Any], args: Any, kwargs: Any) -> tuple[str, ...]:
        """Return the values of a request that must not show up in its result or traceback."""
        is_redacted = request.get("is_redacted")
        if request.get("run_id") and not is_redacted:
            return ()
        by_name = self._redactor.mask_call(str(request.get("task") or ""), args or (), kwargs or {})[2]
        if by_name or not is_redacted:
            return by_name
        # The author hid the arguments behind a text of their own, without saying which.
        return (*texts_in(args), *texts_in(kwargs))

    def shown_text(self, text: str) -> str:
        """Return a text that a task left, an error say, without the values of listed names."""
        return self._redactor.mask_text(text)

    def shown_result(self, result: Any) -> Any:
        """Return a result without the values of listed names; itself where there are none."""
        return self._redactor.mask_value(result)

    def capture_id(self, name: str, args: Any, kwargs: Any) -> int | None:
        """Return the capture that a task works on, where its arguments say so."""
        value = kwargs.get("capture_id") if isinstance(kwargs, Mapping) else None
        if value is None and args:
            names = self._redactor.parameters(name)
            if "capture_id" in names and names.index("capture_id") < len(args):
                value = args[names.index("capture_id")]
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def fixed(self, headers: Mapping[str, Any], arguments: Arguments | None) -> Row:
        """Return the columns of an execution that its message determines."""
        row: Row = {
            "task_id": headers["id"],
            "name": headers["task"],
            "parent_id": headers.get("parent_id"),
            "root_id": headers.get("root_id"),
            "group_id": headers.get("group"),
            "group_index": headers.get("group_index"),
            "run_id": headers.get("run_id"),
            "copy_of": headers.get("copy_of"),
        }
        if arguments is not None:
            row["args_repr"], row["kwargs_repr"] = arguments.args_repr, arguments.kwargs_repr
            if arguments.is_redacted:
                row["is_redacted"] = True
        return row

    def message(
        self,
        headers: Mapping[str, Any],
        properties: Mapping[str, Any],
        arguments: Arguments,
        published_at: datetime,
    ) -> Row:
        """Return the row that keeps a message, sealed where it has to be."""
        content_type, content_encoding, body = arguments.payload
        shown = {**headers, "argsrepr": arguments.args_repr, "kwargsrepr": arguments.kwargs_repr}
        if arguments.is_redacted:
            shown["is_redacted"] = True
        return {
            "task_id": headers["id"],
            "headers": shown,
            "properties": dict(properties),
            "content_type": content_type,
            "content_encoding": content_encoding,
            "body": self._seal.close(body) if arguments.must_seal else body,
            "is_sealed": arguments.must_seal,
            "published_at": published_at,
        }

    def _is_repr(self, text: str, value: Any) -> bool:
        """Whether a header's text is Celery's own of this value, not one that the author set to hide it."""
        own = self._repr(value)
        # A body that came through JSON has lists where its publisher had tuples.
        return text == own or _unbracketed(text) == _unbracketed(own)

    def _repr(self, value: Any) -> str:
        # The same words as Celery's own, or every message looked as if its author had set a text.
        amqp = self._app.amqp
        return saferepr(value, amqp.argsrepr_maxsize, maxlevels=self._app.conf.task_repr_maxlevels)


def state_row(headers: Mapping[str, Any], state: str, at: datetime, *, is_published: bool = False) -> Row:
    """Return the columns of an execution that say where it stands."""
    generation = generation_of(headers)
    return {
        "state": state,
        "state_order": state_order(generation, state, is_published=is_published),
        "retries": int(headers.get("retries") or 0),
        "attempt": int(headers.get("attempt") or 1),
        "updated_at": at,
    }


def change_row(
    headers: Mapping[str, Any], state: str, at: datetime, worker: str | None, detail: Row | None = None
) -> Row:
    """Return the row that keeps one change of state."""
    return {
        "task_id": headers["id"],
        "state": state,
        "at": at,
        "worker": worker,
        "attempt": int(headers.get("attempt") or 1),
        "detail": detail,
    }


def _unbracketed(text: str) -> str:
    return text.replace("(", "[").replace(",)", "]").replace(")", "]")


def parse_time(text: Any) -> datetime | None:
    """Return a header's time; None where there is none or it can't be read."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
