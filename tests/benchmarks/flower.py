"""Flower, installed in an environment of its own, as a peer."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.process import Measured

REQUIREMENTS = ("flower", "celery[redis]")


class Flower:
    """An installation of Flower."""

    def __init__(self, directory: Path) -> None:
        """Install the newest Flower."""
        self._python = directory / "flower" / "bin" / "python"
        subprocess.run((sys.executable, "-m", "venv", directory / "flower"), check=True)
        subprocess.run((self._python, "-m", "pip", "install", "-q", *REQUIREMENTS), check=True)

    @contextmanager
    def running(self, broker_url: str) -> Iterator[Measured]:
        """Run it on a broker and yield its process once its page answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = (
            str(self._python), "-m", "celery", "--broker", broker_url, "flower", "--address=127.0.0.1",
            f"--port={port}", "--max_tasks=50000", "--logging=error",
        )  # fmt: skip
        with Measured(command, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 30.0
            while not _answers(port):
                if time.monotonic() > deadline or process.process.poll() is not None:
                    raise RuntimeError("Flower did not start")
                time.sleep(0.2)
            # It begins to capture events once its first inspections are over.
            time.sleep(3.0)
            yield process


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
