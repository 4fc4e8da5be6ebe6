from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_tui.fleet.models import IndexStatistics
from earthgazer_tui.widgets.histogram import coarsen, draw_histogram, ndvi_colour, short_count, span
from tests.tui.builders import some_statistics

EDGES = tuple(k / 100 for k in range(-100, 101))


def make_statistics(counts: list[int]) -> IndexStatistics:
    return some_statistics(counts=tuple(counts), valid=sum(counts), total=sum(counts))


counts_of_200 = st.lists(st.integers(0, 10**9), min_size=200, max_size=200)


@given(counts=counts_of_200, room=st.integers(1, 400), whole=st.booleans())
def test_coarser_bins_are_exact_sums_of_the_stored_ones(counts: list[int], room: int, whole: bool) -> None:
    bins = coarsen(EDGES, counts, room, whole=whole)

    assert len(bins.counts) <= room
    assert sum(bins.counts) == sum(counts)
    assert len(bins.edges) == len(bins.counts) + 1
    places = [EDGES.index(edge) for edge in bins.edges]
    assert len({b - a for a, b in pairwise(places)}) == 1
    for (start, stop), count in zip(pairwise(places), bins.counts, strict=True):
        assert count == sum(counts[start:stop])


@pytest.mark.parametrize(
    ("room", "bars"), [(400, 200), (200, 200), (199, 100), (70, 50), (49, 40), (9, 8), (1, 1)]
)
def test_the_finest_bins_that_fit_are_taken(room: int, bars: int) -> None:
    assert len(coarsen(EDGES, [1] * 200, room).counts) == bars


def test_zooming_leaves_out_empty_ends_only() -> None:
    counts = [0] * 200
    counts[120], counts[163] = 5, 7

    bins = coarsen(EDGES, counts, 50, whole=False)

    assert bins.edges[0] == pytest.approx(0.2)
    assert bins.edges[-1] == pytest.approx(0.64)
    assert len(bins.counts) == 44
    assert sum(bins.counts) == 12


def test_the_span_of_no_counts_is_everything() -> None:
    assert span([0, 0, 0]) == (0, 3)
    assert span([0, 2, 0, 1, 0]) == (1, 4)


@given(
    counts=counts_of_200.filter(any),
    width=st.integers(13, 130),
    height=st.integers(4, 30),
    whole=st.booleans(),
)
def test_the_picture_keeps_to_its_size_and_draws_every_bin_that_has_a_count(
    counts: list[int], width: int, height: int, whole: bool
) -> None:
    statistics = make_statistics(counts)

    lines = draw_histogram(statistics, width, height, whole=whole).plain.rstrip("\n").split("\n")

    assert len(lines) == height
    assert all(len(line) <= width for line in lines)
    bins = coarsen(statistics.edges, counts, width - 5, whole=whole)
    columns = (width - 5) // len(bins.counts)
    ground = lines[-3][5:].ljust(len(bins.counts) * columns)
    for place, count in enumerate(bins.counts):
        bar = ground[place * columns : (place + 1) * columns]
        assert (set(bar) <= set(" ")) == (count == 0)


def test_the_highest_bar_reaches_the_top_and_half_of_it_the_middle() -> None:
    counts = [0] * 200
    counts[0], counts[100] = 800, 400

    lines = draw_histogram(make_statistics(counts), 205, 10).plain.split("\n")

    column = [line[5] for line in lines[:8]]
    assert column == ["█"] * 8
    assert [line[105] for line in lines[:8]] == [" "] * 4 + ["█"] * 4


def test_a_terminal_of_16_colours_gets_the_themes_own() -> None:
    content = draw_histogram(make_statistics([1] * 200), 60, 8, has_few_colours=True)

    styles = {str(span.style) for span in content.spans}
    assert styles == {"$primary", "$text-muted", "$warning", "$success"}


def test_counts_all_outside_draw_an_empty_frame() -> None:
    lines = draw_histogram(make_statistics([0] * 200), 60, 8).plain.split("\n")

    assert not set("".join(lines)) & set("▁▂▃▄▅▆▇█")
    assert "-1" in lines[-1] or "-1" in lines[-2]
    assert draw_histogram(make_statistics([]), 60, 8).plain == "no histogram is stored"


def test_a_room_too_small_is_told() -> None:
    assert draw_histogram(make_statistics([1] * 200), 10, 3).plain == "too small to draw"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (12_345, "12k"), (999_600, "1.0M"), (120_560_400, "121M")],
)
def test_counts_take_four_cells_at_most(count: int, text: str) -> None:
    assert short_count(count) == text
    assert len(text) <= 4


@given(st.floats())
def test_every_value_has_a_colour(value: float) -> None:
    colour = ndvi_colour(value)

    assert len(colour) == 7
    assert int(colour[1:], 16) >= 0
