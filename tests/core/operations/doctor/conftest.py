"""A fleet to look at, without a worker as yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from earthgazer_core.db.session import Database
from tests.core.operations.doctor.watched_fleet import WatchedFleet, watched_fleet


@pytest.fixture
def fleet(
    broker_url: str, migrated_database_url: str, database: Database, tmp_path: Path
) -> Iterator[WatchedFleet]:
    with watched_fleet(broker_url, migrated_database_url, database, tmp_path) as fleet:
        yield fleet
