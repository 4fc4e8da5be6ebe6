"""Where the console logs to: a file of its owner's, since the terminal belongs to the screens."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs

MAX_BYTES = 1_000_000
"""Size at which the file is begun anew; one older one is kept."""


class _PrivateFile(RotatingFileHandler):
    def _open(self):  # type: ignore[no-untyped-def]
        descriptor = os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        return os.fdopen(descriptor, self.mode, encoding=self.encoding)


def log_path() -> Path:
    """Return the path of the file."""
    return platformdirs.user_log_path("earthgazer") / "console.log"


def log_to_file() -> None:
    """Send warnings and errors of this process to the file.

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
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    logging.captureWarnings(capture=True)
