"""The sandbox catalogue: real pixels, a nominal place, a series simulated over time."""

from __future__ import annotations

from earthgazer_core.catalog.sandbox.catalog import SandboxCatalog
from earthgazer_core.catalog.sandbox.chip import SANDBOX_LOCATION

__all__ = ["SANDBOX_LOCATION", "SandboxCatalog"]
