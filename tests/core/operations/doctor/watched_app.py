"""The foreign app as a worker or beat starts it, with settings and a clock of the test's choosing."""

import json
import os
import time

from tests.core.recorder.foreign_app import ForeignConfig, make_app

_ahead_s = float(os.environ["WATCHED_CLOCK_AHEAD"])
if _ahead_s:
    _true_time = time.time
    # Celery asks this clock for the time of its events.
    time.time = lambda: _true_time() + _ahead_s

app = make_app(ForeignConfig.from_environment())
app.conf.update(json.loads(os.environ["WATCHED_CONF"]))
