"""What HTTP clients share."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.web import retry_after_s, shown

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        (" 30 ", 30),
        ("99999999999999", 3600),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("Sat, 21 Nov 2099 11:00:00 GMT", 3600),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


@given(st.text(max_size=60))
def test_any_header_and_any_address_can_be_read(text: str) -> None:
    wait = retry_after_s(text, NOW)
    assert wait is None or 0 <= wait <= 3600
    assert shown(text) == "" or shown(text).isprintable()


def test_what_is_shown_has_no_secret() -> None:
    href = "https://user:pass@host:1/a/b.tif?sig=secret#secret"
    assert shown(href) == "https://host:1/a/b.tif"
