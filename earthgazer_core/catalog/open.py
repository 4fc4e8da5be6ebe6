"""Which catalogue the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from earthgazer_core.catalog.base import Catalog
from earthgazer_core.errors import InvalidInputError
from earthgazer_core.settings import CatalogSettings

EARTH_SEARCH: Final = "https://earth-search.aws.element84.com/v1"
"""A public STAC API with Sentinel-2 L2A and Landsat Collection 2."""


def open_catalog(settings: CatalogSettings, data_path: Path) -> Catalog:
    """Return the catalogue that the settings name; nothing is asked of it yet.

    Args:
        settings: Kind, address and limits.
        data_path: Directory in which the sandbox makes its files.

    Raises:
        InvalidInputError: a static catalogue without an address, or one of an unknown kind.
    """
    # Each kind brings libraries of its own, which the others needn't load.
    match settings.kind:
        case "sandbox":
            from earthgazer_core.catalog.sandbox import SandboxCatalog

            return SandboxCatalog(data_path, max_cloud_cover_percent=settings.max_cloud_cover_percent)
        case "stac-api":
            from earthgazer_core.catalog.stac_api import StacApiCatalog

            return StacApiCatalog(settings.url or EARTH_SEARCH, settings)
        case "stac-static":
            from earthgazer_core.catalog.stac_static import StaticCatalog

            if settings.url is None:
                raise InvalidInputError(
                    "EARTHGAZER__CATALOG__URL: a static catalogue needs the path or address of its root"
                )
            return StaticCatalog(settings.url, settings)
