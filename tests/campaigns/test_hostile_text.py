"""The short form of the campaign with hostile text: sanitisers, events, and a console in a real terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthgazer_core.cli.text import json_safe, printable
from earthgazer_tui.fleet.live import sanitise
from tests.campaigns.corpus import violations
from tests.campaigns.hostile_fleet import fixed_texts, plant_messages, plant_rows
from tests.campaigns.hostile_text import check_console, check_events, check_functions
from tests.campaigns.services import campaign_services
from tests.campaigns.tally import Tally

ANYTHING = st.text(
    st.characters(codec=None, categories=None) | st.sampled_from("\x1b\x9b\u202e\u200b\u0301\ud800")
)


@settings(deadline=None)
@given(ANYTHING)
def test_no_text_gets_through_what_makes_it_harmless(text: str) -> None:
    document = json_safe(json.dumps(text, ensure_ascii=False))
    assert json.loads(document) == text
    for shown in (
        sanitise.line(text),
        sanitise.text(text),
        sanitise.url(text),
        printable(text),
        document,
    ):
        assert violations(shown.encode(errors="surrogatepass"), lines="\n") == []


def test_the_fixed_corpus_and_texts_at_random_are_harmless() -> None:
    tally = Tally("short", is_quiet=True)
    check_functions(tally, seed=7, seconds=0.5)
    check_events(tally, fixed_texts())
    assert tally.faults == []


@pytest.mark.fleet
@pytest.mark.timeout(120)
def test_none_of_it_reaches_a_terminal_raw() -> None:
    tally = Tally("short", is_quiet=True)
    texts = fixed_texts(with_long=False)
    with campaign_services() as services:
        plant_rows(services.database, texts[::3])
        plant_messages(services.client, texts)
        check_console(tally, services, texts, digits="357")
    assert tally.faults == []
    assert tally.done["bytes of terminal output"] > 20_000
