"""A fleet whose queues are worked on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from earthgazer_core.db.session import Database
from tests.core.operations.tuned_fleet import TunedFleet, tuned_fleet
from tests.core.recorder.foreign_app import ForeignConfig


@pytest.fixture
def fleet(
    broker_url: str, migrated_database_url: str, database: Database, tmp_path: Path
) -> Iterator[TunedFleet]:
    with tuned_fleet(ForeignConfig(broker_url, migrated_database_url, tmp_path), database) as fleet:
        yield fleet
