"""Threads that the interpreter's end doesn't wait for: some may still wait for a silent host."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
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
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Return what will hold the call's outcome.

        Raises:
            RuntimeError: the pool is closed.
        """
        if self._is_closed:
            raise RuntimeError("the pool is closed")
        future: Future[T] = Future()
        self._calls.put((future, call))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._most:
            name = f"{self._name}-{len(self._threads)}"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        """Take no more calls, and drop those that wait."""
        self._is_closed = True
        while (waiting := self._taken()) is not None:
            waiting[0].cancel()
        self._calls.put(None)

    def wait(self, patience_s: float) -> None:
        """Return when the calls that run have ended, or time is up."""
        deadline = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _taken(self) -> _Call | None:
        try:
            return self._calls.get_nowait()
        except Empty:
            return None

    def _run(self) -> None:
        while True:
            found = self._taken()
            if found is None:
                self._idle.release()
                found = self._calls.get()
            if found is None:
                self._calls.put(None)
                return
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
