"""Stacks that tests start, and the proof that nothing of them is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from celery import Celery

from earthgazer_core.errors import ServiceUnavailableError
from earthgazer_core.stack.client import StackClient
from earthgazer_core.stack.identity import Identity, marked
from earthgazer_core.stack.models import Release
from earthgazer_core.stack.statefile import StackRecord

REPOSITORY = Path(__file__).resolve().parents[3]
TINY_APP = "tests.core.stack.tiny_app"


class StackUnderTest:
    """One state directory and all that was ever seen running on it."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.seen: set[Identity] = set()
        self.clients: list[StackClient] = []
        self.stack_ids: set[str] = set()

    def client(self, *options: str, profiles: str = "", app: str = TINY_APP) -> StackClient:
        """Return a client; a stack that it starts has workers of these profiles alone."""
        client = StackClient(self.state_dir, app=app, options=("--profiles", profiles, *options))
        self.clients.append(client)
        return client

    def record(self) -> StackRecord:
        """Return what the supervisor wrote down, and remember it."""
        record = StackRecord.read(self.state_dir)
        assert record is not None
        self.seen |= {record.supervisor, *record.processes.values()}
        self.stack_ids.add(record.stack_id)
        return record

    def left(self) -> list[str]:
        """Return the command lines of what still runs of all that was ever remembered."""
        strays = {identity for stack_id in self.stack_ids for identity in marked(stack_id)}
        alive = {identity for identity in self.seen if identity.is_alive()}
        return [" ".join(psutil.Process(identity.pid).cmdline()) for identity in alive | strays]

    def app(self) -> Celery:
        """Return the app of the running stack, to publish with."""
        url = self.client().env()["EARTHGAZER__CELERY__BROKER_URL"]
        app = Celery("publisher", broker=url, backend=url)
        app.conf.task_default_queue = "io_queue"
        return app


@pytest.fixture
def stack(short_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StackUnderTest]:
    """A state directory; whatever still runs on it after the test is ended."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    under_test = StackUnderTest(short_directory / "state")
    yield under_test
    for client in under_test.clients:
        client.close()
    try:
        under_test.client().shutdown(Release.STOP, timeout_s=60)
    except ServiceUnavailableError:
        record = StackRecord.read(under_test.state_dir)
        if record is not None:
            record.end_leftovers()
    assert not under_test.left()
