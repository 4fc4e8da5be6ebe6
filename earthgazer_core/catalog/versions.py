"""Versions of one acquisition: what a provider reprocessed replaces what was there before."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from earthgazer_core.domain.capture import Capture


def latest_versions(captures: Iterable[Capture]) -> list[Capture]:
    """Return the captures with each acquisition once, in its latest processing, in their order.

    Two captures are versions of one acquisition when mission, tile (or path and row), level and
    sensing time are the same. The highest baseline wins, then the latest generation time that the
    product id tells, then the greater product id.
    """
    newest: dict[object, Capture] = {}
    for capture in captures:
        key = acquisition_key(capture)
        known = newest.get(key)
        if known is None or _rank(capture) > _rank(known):
            newest[key] = capture
    return list(newest.values())


def acquisition_key(capture: Capture) -> tuple[str, str, str, datetime]:
    """Return what is the same for all versions of one acquisition."""
    if capture.mgrs_tile is not None:
        tile = capture.mgrs_tile
    elif capture.wrs_path is not None and capture.wrs_row is not None:
        tile = f"{capture.wrs_path:03d}{capture.wrs_row:03d}"
    else:
        tile = capture.product_id
    return (capture.mission, tile, capture.level, capture.sensing_time.replace(microsecond=0))


def _rank(capture: Capture) -> tuple[tuple[int, ...], str, str]:
    baseline = tuple(int(part) for part in (capture.processing_baseline or "0").split("."))
    # Sentinel-2 ids end with the time of generation, Landsat ids carry its date as the second one.
    stamps = re.findall(r"\d{8}T\d{6}|(?<=_)\d{8}(?=_)", capture.product_id)
    return (baseline, stamps[-1] if stamps else "", capture.product_id)
