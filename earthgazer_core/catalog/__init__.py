"""Where captures are found: STAC APIs, static STAC catalogues, and a sandbox without network."""

from __future__ import annotations

from earthgazer_core.catalog.base import Catalog
from earthgazer_core.catalog.open import open_catalog
from earthgazer_core.catalog.versions import latest_versions

__all__ = ["Catalog", "latest_versions", "open_catalog"]
