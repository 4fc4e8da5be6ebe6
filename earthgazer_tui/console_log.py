"""Where the console logs to: a file of its owner's, since the terminal belongs to the screens."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs

MAX_BYTES = 1_000_000
"""Size at which the file is begun anew; one older one is kept."""


class _PrivateFile(RotatingFileHandler):
    def _open(self):  # type: ignore[no-untyped-def]
        descriptor = os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        return os.fdopen(descriptor, self.mode, encoding=self.encoding)


class _Harmless(logging.Formatter):
    """Whoever reads the file does so in a terminal."""

    def __init__(self, layout: str, clean: Callable[[str], str]) -> None:
        super().__init__(layout)
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        """Return a record without what steers a terminal, and without the passwords of URLs."""
        return self._clean(super().format(record))


def log_path() -> Path:
    """Return the path of the file."""
    return platformdirs.user_log_path("earthgazer") / "console.log"


def log_to_file(clean: Callable[[str], str]) -> None:
    """Send warnings and errors of this process to the file.

    Args:
        clean: Takes what steers a terminal, and passwords, out of a text.

    Where it can't be opened they are dropped: a console that can't log still has to run, and writing to the
    terminal would tear the screen.
    """
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    handler: logging.Handler
    try:
        log_path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _PrivateFile(log_path(), maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(_Harmless("%(asctime)s %(levelname)s %(name)s: %(message)s", clean))
    root.addHandler(handler)
    logging.captureWarnings(capture=True)
