"""What opening files does to the process around it."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from threading import Thread

import pytest
from rasterio.errors import NotGeoreferencedWarning

from earthgazer_core.raster.dataset import without_georeference_warnings


def _warn() -> None:
    warnings.warn("no geotransform", NotGeoreferencedWarning, stacklevel=1)


def test_threads_that_leave_in_any_order_silence_the_warning_and_give_it_back() -> None:
    before = list(warnings.filters)
    first, second = ExitStack(), ExitStack()
    first.enter_context(without_georeference_warnings())
    second.enter_context(without_georeference_warnings())
    first.close()
    _warn()
    thread = Thread(target=second.close)
    thread.start()
    thread.join()
    assert list(warnings.filters) == before
    with pytest.raises(NotGeoreferencedWarning):
        _warn()


def test_an_error_gives_the_warning_back_too() -> None:
    with pytest.raises(LookupError), without_georeference_warnings():
        raise LookupError
    with pytest.raises(NotGeoreferencedWarning):
        _warn()
