"""A worker, its services and the command line, all real, for tests of the pipeline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from earthgazer_core.cli.main import cli
from earthgazer_core.settings import EarthGazerSettings

_START_S = 60.0
_END_S = 30.0
_COMMAND_S = 120.0


@dataclass(frozen=True)
class Answer:
    """What the command line said."""

    code: int
    """Exit code."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


class Pipeline:
    """One worker on services of its own."""

    def __init__(self, settings: EarthGazerSettings, directory: Path) -> None:
        self.settings = settings
        self.directory = directory
        self._worker: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the worker and of each command."""
        settings = self.settings
        assert settings.celery.broker_url is not None
        assert settings.database.url is not None
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("EARTHGAZER__")},
            "EARTHGAZER__CELERY__BROKER_URL": settings.celery.broker_url.get_secret_value(),
            "EARTHGAZER__CELERY__RETRY_BACKOFF_S": str(settings.celery.retry_backoff_s),
            "EARTHGAZER__DATABASE__URL": settings.database.url.get_secret_value(),
            "EARTHGAZER__STORAGE__DATA_PATH": str(settings.storage.data_path),
            # Web servers of the tests, where no catalogue of others may lead.
            "EARTHGAZER__CATALOG__HOSTS": '["*", "127.0.0.1"]',
            "EARTHGAZER__RECORDER__SPOOL_PATH": str(self.directory / "spool"),
        }

    def start(self) -> None:
        """Start a worker for all queues and wait until it is ready."""
        log = self.directory / "worker.log"
        with log.open("wb") as output:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "earthgazer_core.cli", "worker", "all", "--concurrency", "2", "--",
                 "--without-mingle", "--without-gossip"],
                cwd=self.directory, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        worker = self._worker

        def is_ready() -> bool:
            assert worker.poll() is None, log.read_text()[-2000:]
            return b" ready." in log.read_bytes()

        wait_until(is_ready, _START_S, lambda: log.read_text()[-2000:])

    def stop(self) -> None:
        """End the worker warm, and by force if it doesn't."""
        if self._worker is None:
            return
        self._worker.send_signal(signal.SIGTERM)
        try:
            self._worker.wait(_END_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._worker.pid, signal.SIGKILL)
            self._worker.wait()
        self._worker = None

    def run(self, *arguments: str, **variables: str) -> Answer:
        """Run ``earthgazer`` in a process of its own."""
        return self._run(arguments, {**self.environment, **variables})

    def run_unconfigured(self, *arguments: str, **variables: str) -> Answer:
        """Run ``earthgazer`` in a process of its own that knows of no services."""
        plain = {
            name: value for name, value in self.environment.items() if not name.startswith("EARTHGAZER__")
        }
        return self._run(arguments, {**plain, **variables})

    def _run(self, arguments: tuple[str, ...], environment: dict[str, str]) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "earthgazer_core.cli", *arguments],
            cwd=self.directory, env=environment, capture_output=True, text=True,
            timeout=_COMMAND_S, check=False,
        )  # fmt: skip
        return Answer(done.returncode, done.stdout, done.stderr)

    def ask(self, *arguments: str) -> Answer:
        """Run ``earthgazer`` in this process: quicker, for commands that only speak to the database."""
        result = CliRunner(env=self.environment).invoke(cli, arguments, prog_name="earthgazer")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def ok(self, *arguments: str) -> Any:
        """Run ``earthgazer … --json``, which has to succeed, and return its document."""
        publishes = "--wait" in arguments or arguments[0] == "workflows" or "discover" in arguments
        answer = self.run(*arguments) if publishes else self.ask(*arguments)
        assert answer.code == 0, answer.err + answer.out
        return answer.json

    def eventually(self, look: Callable[[], Any]) -> Any:
        """Return what a look gives as soon as it gives anything: what is recorded, is so a moment later."""
        deadline = time.monotonic() + _END_S
        while not (seen := look()):
            assert time.monotonic() < deadline, f"{look} saw nothing in time"
            time.sleep(0.05)
        return seen

    def artifact(self, capture_id: int, kind: str = "ndvi") -> dict[str, Any]:
        """Return the newest artifact of a kind as ``artifacts show`` tells of it."""
        listed = self.ok("artifacts", "list", "--capture", str(capture_id), "--kind", kind, "--json")
        shown: dict[str, Any] = self.ok("artifacts", "show", str(listed[0]["id"]), "--json")
        return shown


def wait_until(condition: Callable[[], bool], deadline_s: float, evidence: Callable[[], str]) -> None:
    """Wait until something is so, and fail with the evidence if it isn't in time."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, evidence()
        time.sleep(0.02)
