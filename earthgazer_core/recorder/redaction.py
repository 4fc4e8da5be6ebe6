"""What of a task's arguments is hidden, and how."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from celery import Celery

from earthgazer_core.recorder import masking

MASK = masking.MASK
"""Stands for a hidden value."""

_SHORTEST_SECRET = 4
_DEEPEST = 24
_MOST_NAMES = 2_000
_LONGEST_NAME = 100


class Redactor:
    """Hides the values of arguments whose names are on the list."""

    def __init__(self, app: Celery, names: Iterable[str]) -> None:
        self._app = app
        names = tuple(names)
        self.mask_text = masking.TextMask(names)
        """Hides in a text the values of such names."""
        self._secret = masking.Words(names)
        self._parameters: dict[str, tuple[str, ...]] = {}
        self._names: dict[str, bool] = {}
        """Names that were asked for before: the same ones come with every task."""

    def parameters(self, task_name: str) -> tuple[str, ...]:
        """Return the names of the positional parameters of a task that this process knows."""
        known = self._parameters.get(task_name)
        if known is None:
            task = self._app.tasks.get(task_name)
            if task is None:
                return ()
            known = self._parameters[task_name] = _positional_names(task.run)
        return known

    def is_secret(self, name: object) -> bool:
        """Whether a value of this name is to be hidden."""
        if not isinstance(name, str):
            return False
        known = self._names.get(name)
        if known is None:
            known = self._secret.are_in(name)
            if len(self._names) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
                self._names[name] = known
        return known

    def mentions_secret(self, text: str) -> bool:
        """Whether a serialised message holds a word of the list at all; a cheap first look."""
        return self._secret.are_in(text)

    def hides_position(self, task_name: str, count: int) -> bool:
        """Whether one of the first ``count`` positional arguments of a task is to be hidden."""
        return any(self.is_secret(name) for name in self.parameters(task_name)[:count])

    def mask_call(
        self, task_name: str, args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any], tuple[str, ...]]:
        """Return the arguments with hidden values masked, and the texts that were hidden."""
        found: list[str] = []
        names = self.parameters(task_name)
        masked = [
            self._hide(value, found)
            if index < len(names) and self.is_secret(names[index])
            else self._mask(value, found, 0)
            for index, value in enumerate(args)
        ]
        return masked, self._mask(kwargs, found, 0), tuple(found)

    def mask_value(self, value: Any, depth: int = 0) -> Any:
        """Return a value, a result say, with what such names stand for masked; itself where nothing is."""
        if depth > _DEEPEST:
            return value
        if isinstance(value, str):
            return self.mask_text(value)
        if isinstance(value, Mapping):
            masked: Any = {
                key: MASK if self.is_secret(key) else self.mask_value(item, depth + 1)
                for key, item in value.items()
            }
            return value if masked == value else masked
        if isinstance(value, list | tuple):
            masked = [self.mask_value(item, depth + 1) for item in value]
            return value if masked == list(value) else masked
        return value

    def must_seal(self, embed: Any) -> bool:
        """Whether signatures that a message carries hold arguments that are to be hidden."""
        return any(
            _has_own_repr(signature)
            or self.mask_call(
                signature.get("task") or "", signature.get("args") or (), signature.get("kwargs") or {}
            )[2]
            for signature in signatures_in(embed)
        )

    def _mask(self, value: Any, found: list[str], depth: int) -> Any:
        if depth > _DEEPEST:
            return value
        if isinstance(value, Mapping):
            return {
                key: self._hide(item, found) if self.is_secret(key) else self._mask(item, found, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [
                self._mask(item, found, depth + 1) if isinstance(item, Mapping | list | tuple) else item
                for item in value
            ]
        return value

    def _hide(self, value: Any, found: list[str]) -> str:
        found.extend(texts_in(value))
        # Something was hidden even where no text of it can be searched for.
        found.append("")
        return MASK


def texts_in(value: Any, depth: int = 0) -> list[str]:
    """Return all texts and numbers inside a value, as they would show up in a message."""
    if depth > _DEEPEST:
        return []
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in texts_in(item, depth + 1)]
    if isinstance(value, list | tuple | set | frozenset):
        return [text for item in value for text in texts_in(item, depth + 1)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every hidden value masked, the longest first."""
    for secret in sorted(
        {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True
    ):
        text = text.replace(secret, MASK)
    return text


def signatures_in(value: Any, depth: int = 0) -> Iterable[Mapping[str, Any]]:
    """Yield every signature in the part of a message that tells what comes next."""
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        if "task" in value and "options" in value:
            yield value
        for item in value.values():
            yield from signatures_in(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from signatures_in(item, depth + 1)


def _has_own_repr(signature: Mapping[str, Any]) -> bool:
    options = signature.get("options") or {}
    return options.get("argsrepr") is not None or options.get("kwargsrepr") is not None


def _positional_names(function: Any) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(parameter.name for parameter in parameters if parameter.kind in kinds)
