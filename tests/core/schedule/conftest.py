"""Beats with fresh services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from earthgazer_core.db.session import Database
from earthgazer_core.settings import EarthGazerSettings
from tests.core.schedule.beats import Beats


@pytest.fixture
def beats(settings: EarthGazerSettings, database: Database, tmp_path: Path) -> Iterator[Beats]:
    """No beat runs as yet."""
    made = Beats(settings, database, tmp_path)
    yield made
    made.close()
