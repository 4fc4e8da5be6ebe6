"""The foreign app of the console's tests, with pools that may be restarted."""

from tests.tui.fleet.foreign_app import app

app.conf.worker_pool_restarts = True
