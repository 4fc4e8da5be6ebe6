"""The foreign app as a worker starts it, with settings of the test's choosing."""

import json
import os

from tests.core.recorder.foreign_app import ForeignConfig, make_app

app = make_app(ForeignConfig.from_environment())
app.conf.update(json.loads(os.environ["TUNED_CONF"]))
