"""The foreign app with fresh services, shared with the recorder's tests."""

from tests.core.recorder.conftest import _no_recorder_of_others, fleet

__all__ = ["_no_recorder_of_others", "fleet"]
