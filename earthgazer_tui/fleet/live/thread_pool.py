"""Threads that the interpreter's end doesn't wait for: some may still wait for a silent host."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_Call = tuple[Future[Any], Callable[[], Any]]


class ThreadPool:
    """At most so many threads, each made when all others are busy; used from one event loop.

    Those of the standard library are waited for at the interpreter's end, however long they take.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._changed = threading.Condition()
        self._calls: deque[_Call] = deque()
        self._idle = 0
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Return what will hold the call's outcome.

        Raises:
            RuntimeError: the pool is closed.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the pool is closed")
            self._calls.append((future, call))
            if len(self._calls) > self._idle and len(self._threads) < self._most:
                name = f"{self._name}-{len(self._threads)}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()
        return future

    def close(self) -> None:
        """Take no more calls, and drop those that wait; threads end with what they run."""
        with self._changed:
            self._is_closed = True
            waiting = list(self._calls)
            self._calls.clear()
            self._changed.notify_all()
        for future, _ in waiting:
            future.cancel()

    def wait(self, patience_s: float) -> None:
        """Return when the calls that run have ended, or time is up."""
        deadline = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _next(self) -> _Call | None:
        """Return the next call once there is one; None where there will be none."""
        with self._changed:
            self._idle += 1
            while not (self._calls or self._is_closed):
                self._changed.wait()
            self._idle -= 1
            return self._calls.popleft() if self._calls else None

    def _run(self) -> None:
        while (found := self._next()) is not None:
            future, call = found
            if future.set_running_or_notify_cancel():
                try:
                    outcome = call()
                except BaseException as error:  # noqa: BLE001 - whoever awaits the future is told
                    future.set_exception(error)
                else:
                    future.set_result(outcome)
                    del outcome
            del future, call, found
