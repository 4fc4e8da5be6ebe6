"""The foreign app as a worker starts it, from its environment."""

from tests.core.recorder.foreign_app import ForeignConfig, make_app

app = make_app(ForeignConfig.from_environment())
