"""The foreign app with fresh services, shared with the recorder's tests."""

from tests.core.recorder.conftest import fleet

__all__ = ["fleet"]
