"""The short form of the campaign with hostile catalogues: items at random, addresses, links, and pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthgazer_core.catalog.selection import Selection, Told
from earthgazer_core.hosts import Hosts
from earthgazer_core.storage import safe_key
from earthgazer_core.tasks.keys import folder_name
from earthgazer_core.tasks.local_copies import suffix_of
from tests.campaigns.catalogue_forge import dumped, landsat_item, nasty_values, places, sentinel2_item
from tests.campaigns.catalogue_victim import WORLD
from tests.campaigns.hostile_catalogues import (
    check_addresses,
    check_buckets,
    check_fuzz,
    check_links,
    check_names,
    check_paging,
    check_sound,
    lairs,
    victims,
)
from tests.campaigns.image_forge import sound_images
from tests.campaigns.tally import Tally


def _nasty() -> list[Any]:
    return nasty_values("http://127.0.0.1:9")


# Made anew for each example, which may edit what it was given.
_NASTY = st.sampled_from(range(len(_nasty()))).map(lambda number: _nasty()[number])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | _NASTY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_BASE = "https://example.com"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_item_is_a_capture_or_a_problem_and_stops_no_other(data: st.DataObject) -> None:
    item: Any = data.draw(st.sampled_from((sentinel2_item(_BASE), landsat_item(_BASE))))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(item)) or [()]))
        if not path:
            break
        parent = item
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = data.draw(_JSON)
    selection = Selection(WORLD, None, None, None, 100, Hosts())
    told = [Told(one, "test") for one in (json.loads(dumped(item)), sentinel2_item(_BASE, 7))]
    found = list(selection.captures(told, lambda _: None))
    assert any(capture.product_id == sentinel2_item(_BASE, 7)["id"] for capture in found)
    for capture in found:
        for asset in capture.assets:
            Hosts().check(asset.href)
            assert asset.href.isprintable()
            safe_key(capture.mission, folder_name(capture.product_id), asset.band + suffix_of(asset.href))
        json.dumps(dict(capture.metadata), allow_nan=False).encode()


@pytest.mark.timeout(300)
def test_nothing_of_it_gets_through_over_the_network(tmp_path: Path) -> None:
    tally = Tally("short", is_quiet=True)
    sound = sound_images(tmp_path)["stored.tif"]
    for server, trap in lairs(tmp_path):
        with victims() as victim:
            check_sound(tally, victim, server)
            check_links(tally, victim, server, tmp_path)
            check_names(tally, victim, sound)
            check_addresses(tally, victim, server, trap, tmp_path)
            check_buckets(tally, victim, trap, tmp_path)
            check_paging(tally, victim, server, trap)
            check_fuzz(tally, victim, server, trap, seed=5, seconds=2)
    assert tally.faults == []
    assert tally.done["refused"] > 100
