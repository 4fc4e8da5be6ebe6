"""What raster tests share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A loaded machine makes no example wrong, and examples are kept nowhere.
settings.register_profile("steady", deadline=None, database=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def cases(test_data: Path) -> dict[str, Any]:
    """Independently computed results by the name of the case."""
    loaded: dict[str, Any] = json.loads((test_data / "expected.json").read_text())["cases"]
    return loaded
