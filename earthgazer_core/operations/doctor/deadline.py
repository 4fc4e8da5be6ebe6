"""Calls that may never return, given up in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from earthgazer_core.errors import ServiceUnavailableError

T = TypeVar("T")


class Pending(Generic[T]):
    """A call that goes on in a thread of its own.

    The thread is a daemon: a service that accepts us and then says nothing must not keep the process.
    """

    def __init__(self, what: str, call: Callable[[], T], within_s: float) -> None:
        self._what = what
        self._within_s = within_s
        self._answers: list[T] = []
        self._errors: list[BaseException] = []
        self._call = call
        self._thread = threading.Thread(target=self._run, name=f"doctor-{what}", daemon=True)
        self._thread.start()

    def result(self) -> T:
        """Return what the call returned, or raise what it raised.

        Raises:
            ServiceUnavailableError: it takes too long.
        """
        self._thread.join(self._within_s)
        if self._errors:
            raise self._errors[0]
        if not self._answers:
            raise ServiceUnavailableError(f"{self._what} gave no answer within {self._within_s:g} s")
        return self._answers[0]

    def _run(self) -> None:
        try:
            self._answers.append(self._call())
        except BaseException as error:  # noqa: BLE001 - raised again in result()
            self._errors.append(error)
