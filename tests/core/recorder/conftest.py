"""The foreign app with fresh services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from earthgazer_core.db.session import Database
from earthgazer_core.recorder.install import recorders
from tests.core.recorder.fleet import ForeignFleet, foreign_fleet
from tests.core.recorder.foreign_app import ForeignConfig


@pytest.fixture(autouse=True)
def _no_recorder_of_others() -> Iterator[None]:
    """Commands that ran in this process leave their app's recorder behind, which would record ours too."""
    for recorder in recorders():
        recorder.close()
    yield
    for recorder in recorders():
        recorder.close()


@pytest.fixture
def fleet(
    broker_url: str, migrated_database_url: str, database: Database, tmp_path: Path
) -> Iterator[ForeignFleet]:
    """The foreign app, without a worker as yet."""
    config = ForeignConfig(broker_url, migrated_database_url, tmp_path, Fernet.generate_key().decode())
    with foreign_fleet(config, database) as fleet:
        yield fleet
