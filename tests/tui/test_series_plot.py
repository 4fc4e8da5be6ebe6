from __future__ import annotations

from datetime import UTC, datetime, timedelta

from earthgazer_tui.fleet.models import SeriesPoint, TimeSeries
from earthgazer_tui.widgets.series_plot import describe_trend, draw_series, gap_lines, trend_line

START = datetime(2026, 5, 3, 11, 20, tzinfo=UTC)
BRAILLE = {chr(code) for code in range(0x2800, 0x2900)}


def make_series(
    *values: float | None, slope: float | None = None, p_value: float | None = None
) -> TimeSeries:
    points = tuple(
        SeriesPoint(
            sensing_time=START + timedelta(days=10 * i),
            mean=value,
            valid_percent=None if value is None else 97.0,
            gap="too cloudy" if value is None else None,
            capture_id=i,
        )
        for i, value in enumerate(values)
    )
    n = sum(value is not None for value in values)
    return TimeSeries("Évora", "ndvi", points, slope_per_year=slope, p_value=p_value, n=n)


def columns_with(text: str, characters: set[str]) -> set[int]:
    return {x for line in text.split("\n") for x, c in enumerate(line) if c in characters}


def test_every_value_is_a_point_and_every_gap_a_cross() -> None:
    text = draw_series(make_series(0.2, 0.3, None, 0.5, None, 0.4), 80, 10).plain

    assert text.count("●") == 4
    assert text.count("×") == 2


def test_no_line_crosses_a_gap() -> None:
    text = draw_series(make_series(0.2, 0.5, None, 0.6, 0.3), 90, 12).plain

    gap = min(columns_with(text, {"×"}))
    points = sorted(columns_with(text, {"●"}))
    before = max(x for x in points if x < gap)
    after = min(x for x in points if x > gap)
    lines = columns_with(text, BRAILLE)
    assert lines
    assert not [x for x in lines if before < x < after]


def test_a_lone_value_between_gaps_is_a_point_without_a_line() -> None:
    text = draw_series(make_series(None, 0.4, None), 60, 8).plain

    assert text.count("●") == 1
    assert not columns_with(text, BRAILLE)


def test_the_capture_that_is_open_is_a_diamond() -> None:
    text = draw_series(make_series(0.2, 0.3, 0.4), 60, 8, highlight=1).plain

    assert text.count("◆") == 1
    assert text.count("●") == 2


def test_the_trend_goes_through_the_centre_of_the_values() -> None:
    series = make_series(0.1, 0.7, 0.1, slope=3.6525)

    trend = trend_line(series)

    assert trend is not None
    first, last = trend
    assert abs((first + last) / 2 - 0.3) < 1e-9
    assert abs(last - first - 0.2) < 1e-9
    assert "·" in draw_series(series, 60, 12).plain


def test_without_a_slope_there_is_no_trend_line() -> None:
    series = make_series(0.2, 0.3)

    assert trend_line(series) is None
    assert "·" not in draw_series(series, 60, 8).plain
    assert describe_trend(series) == "no trend from 2 dates"


def test_the_trend_is_told_with_its_certainty() -> None:
    assert describe_trend(make_series(0.1, 0.2, 0.4, slope=-0.2104, p_value=0.0312)) == (
        "-0.210 a year (p = 0.031, 3 dates)"
    )


def test_gaps_are_told_with_date_and_reason() -> None:
    assert gap_lines(make_series(0.2, None, 0.3)) == ["2026-05-13  too cloudy"]


def test_the_plot_keeps_to_its_size() -> None:
    for width, height in ((24, 5), (60, 8), (150, 30)):
        lines = draw_series(make_series(0.2, None, 0.3, 0.9), width, height).plain.rstrip("\n").split("\n")
        assert len(lines) == height
        assert max(map(len, lines)) <= width


def test_odd_series_are_told_not_drawn() -> None:
    assert draw_series(make_series(None, None), 60, 8).plain == "no date has a value"
    assert draw_series(make_series(0.2), 10, 3).plain == "too small to draw"
    assert "●" in draw_series(make_series(0.2), 60, 8).plain
