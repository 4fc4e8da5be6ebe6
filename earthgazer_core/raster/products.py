"""What can be made of a product's bands: everything that a task calls, under one name."""

from __future__ import annotations

from earthgazer_core.raster.index_product import make_index
from earthgazer_core.raster.result import Preview, RasterResult
from earthgazer_core.raster.rgb import make_rgb
from earthgazer_core.raster.stack import make_stack

__all__ = ["Preview", "RasterResult", "make_index", "make_rgb", "make_stack"]
