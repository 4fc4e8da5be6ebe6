"""A command line on a fresh database, without a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from earthgazer_core.settings import EarthGazerSettings
from tests.core.pipeline import Pipeline


@pytest.fixture
def offline(settings: EarthGazerSettings, tmp_path: Path) -> Pipeline:
    """The command line with fresh services, and nobody who works."""
    return Pipeline(settings, tmp_path / "work")
