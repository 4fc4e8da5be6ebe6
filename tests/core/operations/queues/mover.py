"""Moves a whole queue in a process of its own, to be killed at it."""

import json
import os
import sys

from earthgazer_core.operations.queues.lever_broker import lever_broker
from earthgazer_core.operations.queues.move import move_all
from tests.core.recorder.foreign_app import ForeignConfig, make_app

if __name__ == "__main__":
    app = make_app(ForeignConfig.from_environment())
    app.conf.update(json.loads(os.environ["TUNED_CONF"]))
    move_all(lever_broker(app), sys.argv[1], to_queue=sys.argv[2])
