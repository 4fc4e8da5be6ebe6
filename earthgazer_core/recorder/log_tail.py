"""What a running task logged last, for the record of its failure."""

from __future__ import annotations

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from billiard.exceptions import SoftTimeLimitExceeded

from earthgazer_core.recorder.redaction import without_secrets

LOG = "log"
"""Detail of a failure or retry: what the task logged before."""
MOST_RECORDS = 50
"""Log records that are kept of one task."""
MOST_CHARACTERS = 8 * 1024
"""Characters of an excerpt."""
_LONGEST_RECORD = 2 * 1024
"""Characters of one record in an excerpt."""
_LONGEST_HELD = 4 * _LONGEST_RECORD
"""Characters of one record that are held while its task runs."""
_LEAST_TORN = 1000
"""Characters dropped where a record was cut: half a secret there would not be known as one."""


@dataclass(slots=True)
class _Tail:
    task_id: str
    lines: deque[tuple[float, str, str, bool]] = field(default_factory=lambda: deque(maxlen=MOST_RECORDS))
    """(time, level, message, whether that was cut) of each record."""


class LogTail(logging.Handler):
    """Holds the last records of the task that runs in this context: its thread, greenlet or coroutine.

    A record that belongs to no task costs the look at a context variable. Masking is for failures alone.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._tail: ContextVar[_Tail | None] = ContextVar("log_tail", default=None)
        self._loggers_seen = -1

    def begin(self, task_id: str) -> None:
        """Hold what is logged from here on in this context, for this task."""
        # Celery, Django and authors set their loggers up at different times, and some anew in each process.
        if (n := len(logging.root.manager.loggerDict)) != self._loggers_seen or not self._is_at_root():
            self._loggers_seen = n
            self._attach()
        self._tail.set(_Tail(task_id))

    def end(self, task_id: str) -> None:
        """Drop what was held for this task."""
        tail = self._tail.get()
        if tail is not None and tail.task_id == task_id:
            self._tail.set(None)

    def excerpt(self, task_id: str, hidden: tuple[str, ...], mask: Callable[[str], str]) -> str | None:
        """Return ``HH:MM:SS LEVEL message`` (UTC) of the last records, masked; None where there are none.

        Args:
            task_id: The task.
            hidden: Values of its arguments that must not show up.
            mask: Hides the values of listed names in a text.
        """
        tail = self._tail.get()
        if tail is None or tail.task_id != task_id:
            return None
        torn = max((_LEAST_TORN, *map(len, hidden)))
        lines: deque[str] = deque()
        room = MOST_CHARACTERS
        for at, level, message, is_cut in reversed(tuple(tail.lines)):
            # Masked before it is cut to its size: what is left of a secret looks like any other text.
            shown = mask(without_secrets(message, hidden))
            shown = shown[:-torn] if is_cut else shown
            if is_cut or len(shown) > _LONGEST_RECORD:
                shown = shown[:_LONGEST_RECORD] + "…"
            # Lines after the first stand apart, so that no message can pass for a record.
            shown = shown.replace("\n", "\n  ")
            line = f"{time.strftime('%H:%M:%S', time.gmtime(at))} {level} {shown}"
            room -= len(line) + 1
            if room < 0:
                break
            lines.appendleft(line)
        return "\n".join(lines) or None

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record without a lock: each context has a tail of its own, no task waits for another."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Hold a record where a task runs."""
        tail = self._tail.get()
        if tail is None:
            return
        try:
            message = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                message += "\n" + "".join(traceback.format_exception_only(record.exc_info[1])).rstrip()
        except SoftTimeLimitExceeded:
            # Celery raised it here by chance; it is meant for the task.
            raise
        except Exception as error:  # noqa: BLE001 - a foreign __str__ may raise anything; the task goes on
            message = f"{str(record.msg)[:_LONGEST_RECORD]} (can't be formatted: {type(error).__name__})"
        is_cut = len(message) > _LONGEST_HELD
        tail.lines.append((record.created, record.levelname, message[:_LONGEST_HELD], is_cut))

    def detach(self) -> None:
        """Listen to no logger any more."""
        for logger in (logging.root, *_loggers()):
            logger.removeHandler(self)
        self._loggers_seen = -1

    def _attach(self) -> None:
        """Listen at the root, and at the loggers that keep their records from it."""
        for logger in (logging.root, *_loggers()):
            speaks = any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers)
            # A root without handlers prints warnings as a last resort; one of ours would keep it from that.
            if speaks and (logger is logging.root or not logger.propagate):
                logger.addHandler(self)

    def _is_at_root(self) -> bool:
        return self in logging.root.handlers or not logging.root.handlers


def _loggers() -> list[logging.Logger]:
    # Another thread may make a logger meanwhile.
    known = list(logging.root.manager.loggerDict.values())
    return [logger for logger in known if isinstance(logger, logging.Logger)]
