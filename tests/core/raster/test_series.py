from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.raster.series import YEAR, TrendPoint, pixel_slopes, series, trend
from earthgazer_core.raster.significance import kendall_p_value, regularized_beta, student_t_p_value
from tests.core.raster.images import read

_START = datetime(2020, 1, 1, 10, tzinfo=UTC)


def _point(day: float, mean: float | None, valid_percent: float = 100.0, **more: Any) -> TrendPoint:
    return TrendPoint(_START + timedelta(days=day), mean, valid_percent, **more)


@pytest.fixture
def slovenia(cases: dict[str, Any]) -> list[TrendPoint]:
    """68 dates over Slovenia."""
    return [
        TrendPoint(
            datetime.fromisoformat(date["date"]).replace(tzinfo=UTC), date["mean"], date["valid"] / 101
        )
        for date in cases["ts_eolearn_2015_2017"]["per_date"]
    ]


def test_the_trend_equals_the_independent_one(cases: dict[str, Any], slovenia: list[TrendPoint]) -> None:
    expected = cases["ts_eolearn_2015_2017"]["trend_of_spatial_means"]
    made = series(list(reversed(slovenia)))
    assert len(made.used) == cases["ts_eolearn_2015_2017"]["dates_used"]
    assert made.trend is not None
    for ours, theirs in (
        ("slope_per_year", "ols_slope_per_year"),
        ("intercept", "ols_intercept"),
        ("r2", "r2"),
        ("p_value", "p"),
        ("theil_sen_per_year", "theil_sen_per_year"),
        ("kendall_tau", "kendall_tau_b"),
        ("kendall_p", "kendall_p"),
        ("n", "n"),
    ):
        assert getattr(made.trend, ours) == pytest.approx(expected[theirs], abs=1e-12), ours
    json.dumps(made.trend.as_json())


def test_gaps_are_told_with_their_reason(slovenia: list[TrendPoint]) -> None:
    made = series(slovenia)
    gaps = [point for point in made.points if point.gap is not None]
    assert len(made.points) == 68
    assert len(gaps) == 21
    assert {point.gap for point in gaps} == {"no clear pixel", "only 7.9 % clear"}
    assert [point.sensing_time for point in made.points] == sorted(point.sensing_time for point in slovenia)


def test_the_series_of_the_files_is_that_of_their_statistics(cases: dict[str, Any], test_data: Path) -> None:
    folder = test_data / "series" / "slovenia_ndvi_2015_2017"
    for date in cases["ts_eolearn_2015_2017"]["per_date"][:12]:
        stamp = date["date"].replace("-", "").replace(":", "")
        valid = read(folder / f"VALID_{stamp}.tif") > 0
        assert int(valid.sum()) == date["valid"]
        if date["valid"]:
            assert read(folder / f"NDVI_{stamp}.tif")[valid].mean() == pytest.approx(date["mean"], abs=1e-9)


def test_slopes_of_pixels_equal_the_independent_ones(cases: dict[str, Any], test_data: Path) -> None:
    expected = cases["ts_eolearn_2015_2017"]
    folder = test_data / "series" / "slovenia_ndvi_2015_2017"
    times, stack = [], []
    for path in sorted(folder.glob("NDVI_*.tif")):
        times.append(datetime.strptime(path.stem.removeprefix("NDVI_"), "%Y%m%dT%H%M%S").replace(tzinfo=UTC))
        valid = read(path.with_name(path.name.replace("NDVI", "VALID"))) > 0
        stack.append(np.where(valid, read(path), np.nan))
    years = np.array([(time - times[0]) / YEAR for time in times])
    slopes = pixel_slopes(years, np.stack(stack))
    wanted = expected["per_pixel_ols_slope"]
    found = {"mean": slopes.mean(), "std": slopes.std(), "min": slopes.min(), "max": slopes.max(),
             "at_50_50": slopes[50, 50]}  # fmt: skip
    assert found == pytest.approx(wanted, abs=1e-9)


def test_of_one_day_the_higher_baseline_then_the_clearer_counts() -> None:
    made = series([
        _point(0, 0.5, 90, processing_baseline="02.14"), _point(0.1, 0.6, 80, processing_baseline="05.00"),
        _point(20, 0.3, 40), _point(20.2, 0.4, 70), _point(20.3, 0.9, 5),
        _point(40, 0.5),
    ])  # fmt: skip
    assert [point.mean for point in made.used] == [0.6, 0.4, 0.5]
    assert [point.gap for point in made.points if point.gap] == [
        "another acquisition of this day counts",
        "another acquisition of this day counts",
        "only 5.0 % clear",
    ]
    assert made.trend is not None
    assert made.trend.n == 3


def test_too_few_dates_have_no_trend() -> None:
    assert series([]).trend is None
    assert series([_point(0, 0.1), _point(10, 0.2), _point(20, None, 0)]).trend is None
    assert trend([_point(0, 0.1), _point(0, 0.2), _point(0, 0.3)]) is None


def test_a_straight_line_is_certain_and_a_flat_one_explains_nothing() -> None:
    line = trend([_point(day, 0.2 + day / 3652.5) for day in (0, 100, 250, 700)])
    assert line is not None
    assert line.slope_per_year == pytest.approx(0.1)
    assert line.theil_sen_per_year == pytest.approx(0.1)
    assert line.r2 == pytest.approx(1.0)
    assert line.p_value == pytest.approx(0.0, abs=1e-9)
    assert line.kendall_tau == 1.0
    flat = trend([_point(day, 0.25) for day in (0, 100, 250, 700)])
    assert flat is not None
    assert (flat.slope_per_year, flat.r2, flat.p_value, flat.kendall_tau) == (0.0, None, None, None)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=25), st.floats(-2, 2), st.floats(-3, 3))
def test_adding_a_line_adds_its_slope(values: list[float], slope: float, level: float) -> None:
    days = [17.0 * place for place in range(len(values))]
    before = trend([_point(day, value) for day, value in zip(days, values, strict=True)])
    after = trend([
        _point(day, value + level + slope * day / 365.25) for day, value in zip(days, values, strict=True)
    ])  # fmt: skip
    assert before is not None
    assert after is not None
    assert after.slope_per_year == pytest.approx(before.slope_per_year + slope, abs=1e-9)
    assert after.theil_sen_per_year == pytest.approx(before.theil_sen_per_year + slope, abs=1e-9)


@pytest.mark.parametrize(
    ("t", "degrees", "p"),
    # Published two-sided critical values of Student's t.
    [(12.706204736, 1, 0.05), (4.302652730, 2, 0.05), (2.570581836, 5, 0.05), (3.169272673, 10, 0.01),
     (2.042272456, 30, 0.05), (3.390491, 100, 0.001), (0.0, 7, 1.0)],
)  # fmt: skip
def test_student_t_has_its_published_tails(t: float, degrees: int, p: float) -> None:
    assert student_t_p_value(t, degrees) == pytest.approx(p, rel=1e-3)
    assert student_t_p_value(-t, degrees) == student_t_p_value(t, degrees)


def test_incomplete_beta_has_its_closed_forms() -> None:
    for x in (0.0, 0.1, 0.37, 0.5, 0.99, 1.0):
        assert regularized_beta(x, 1, 1) == pytest.approx(x, abs=1e-14)
        assert regularized_beta(x, 2, 2) == pytest.approx(3 * x**2 - 2 * x**3, abs=1e-14)
        assert regularized_beta(x, 0.5, 0.5) == pytest.approx(2 / np.pi * np.arcsin(np.sqrt(x)), abs=1e-12)


def test_kendall_counts_permutations_of_few_dates() -> None:
    # Of the 24 orders of four, one is sorted and one reversed; 3 + 3 more are one swap away.
    assert kendall_p_value(4, 0, [], [], 6) == pytest.approx(2 / 24)
    assert kendall_p_value(4, 1, [], [], 4) == pytest.approx(8 / 24)
    assert kendall_p_value(4, 3, [], [], 0) == 1.0
    # Kendall (1970), appendix table 1: n = 10, S = 23, one tail 0.023.
    assert kendall_p_value(10, 11, [], [], 23) == pytest.approx(2 * 0.023, abs=1e-3)
