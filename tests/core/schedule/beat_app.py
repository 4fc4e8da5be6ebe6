"""Our app with a schedule of the test's, and beats that die around publishing."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from earthgazer_core.celery_app import make_app
from earthgazer_core.schedule import publishing
from earthgazer_core.settings import load_settings
from tests.core.schedule.beats import DIE, SCHEDULE

_send = publishing.Publisher.send


def _send_and_die(self: publishing.Publisher, *arguments: Any) -> None:
    if os.environ[DIE] == "after":
        _send(self, *arguments)
    os.kill(os.getpid(), signal.SIGKILL)


if os.environ.get(DIE):
    publishing.Publisher.send = _send_and_die  # type: ignore[method-assign, assignment]

app = make_app(load_settings(None))
app.conf.beat_schedule = json.loads(os.environ[SCHEDULE])
