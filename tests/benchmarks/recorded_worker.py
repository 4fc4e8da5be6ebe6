"""The short-task app as ``celery -A`` takes it."""

from tests.benchmarks.recorded_app import make_app

app = make_app()
