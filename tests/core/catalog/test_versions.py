"""What a provider reprocessed replaces what was there before."""

from __future__ import annotations

from datetime import UTC, datetime

from earthgazer_core.catalog import latest_versions
from earthgazer_core.domain.capture import Capture

WHEN = datetime(2023, 10, 8, 18, 2, 55, 276000, tzinfo=UTC)


def capture(product_id: str, baseline: str | None, **other: object) -> Capture:
    values = {"mission": "SENTINEL-2A", "level": "L2A", "mgrs_tile": "13TDE", "sensing_time": WHEN, **other}
    return Capture(product_id=product_id, processing_baseline=baseline, assets=(), **values)  # type: ignore[arg-type]


def test_the_higher_baseline_wins_whatever_the_order() -> None:
    old, new = capture("a_20231008T233154", "05.09"), capture("a_20241008T233154", "05.10")
    assert latest_versions([old, new]) == latest_versions([new, old]) == [new]


def test_of_one_baseline_the_later_generation_wins() -> None:
    old, new = capture("b_20231008T233154", "05.09"), capture("a_20231009T000000", "05.09")
    assert latest_versions([new, old]) == [new]


def test_landsat_is_told_apart_by_path_and_row() -> None:
    real_time, final, neighbour = (
        capture(name, None, mission="LANDSAT_8", level="L2SP", mgrs_tile=None, wrs_path=33, wrs_row=row)
        for name, row in (
            ("LC08_L2SP_033032_20231008_20231009_02_RT", 32),
            ("LC08_L2SP_033032_20231008_20231017_02_T1", 32),
            ("LC08_L2SP_033033_20231008_20231017_02_T1", 33),
        )
    )
    assert latest_versions([final, real_time, neighbour]) == [final, neighbour]


def test_levels_tiles_missions_and_times_stay_apart() -> None:
    captures = [
        capture("a", "05.09"),
        capture("b", "05.09", level="L1C"),
        capture("c", "05.09", mgrs_tile="13TDF"),
        capture("d", "05.09", mission="SENTINEL-2B"),
        capture("e", "05.09", sensing_time=WHEN.replace(hour=17)),
        capture("f", None, mgrs_tile=None),
        capture("g", None, mgrs_tile=None),
    ]
    assert latest_versions(captures) == captures
