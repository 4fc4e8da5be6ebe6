from __future__ import annotations

from datetime import timedelta

import pytest

from earthgazer_tui import wording
from tests.tui.builders import NOW


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.44, "0.4s"),
        (12, "12s"),
        (59.7, "1m00s"),
        (185, "3m05s"),
        (7800, "2h10m"),
        (443_000, "5d03h"),
    ],
)
def test_spans_take_six_cells_at_most(seconds: float | None, text: str) -> None:
    assert wording.span(seconds) == text
    assert len(text) <= 6


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=14), "14 min ago"),
        (timedelta(hours=20), "20 h ago"),
        (timedelta(days=3, hours=5), "3 d ago"),
        (-timedelta(days=2, hours=1), "in 2 d"),
    ],
)
def test_ages_are_told_in_one_unit(ago: timedelta, text: str) -> None:
    assert wording.age(NOW - ago, NOW) == text


def test_what_never_was_is_told_so() -> None:
    assert wording.age(None, NOW) == "never"
    assert wording.utc(None) == "–"
    assert wording.size(None) == "–"


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 B"), (812, "812 B"), (1536, "1.5 KiB"), (120 * 2**20, "120 MiB"), (5 * 2**40, "5.0 TiB")],
)
def test_sizes(n_bytes: int, text: str) -> None:
    assert wording.size(n_bytes) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (0.2, "<1%"),
        (93.4, "93%"),
        (99.8, ">99%"),
        (100.0, "100%"),
        (None, "–"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float | None, text: str) -> None:
    assert wording.percent(share) == text


@pytest.mark.parametrize(
    ("mission", "short"),
    [
        ("SENTINEL-2A", "S2A"),
        ("sentinel_2b", "S2B"),
        ("LANDSAT_8", "L8"),
        ("PLANET", "PLANET"),
    ],
)
def test_missions_have_short_names(mission: str, short: str) -> None:
    assert wording.mission_name(mission) == short
