"""The short form of the campaign with hostile images: references, small bombs, and a few hundred mutants."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.hostile_rasters import (
    check_bombs,
    check_fuzz,
    check_references,
    check_sound,
    images_for,
    victims,
)
from tests.campaigns.image_forge import bombs, jp2_bombs
from tests.campaigns.tally import Tally


@pytest.mark.timeout(300)
def test_images_neither_lead_elsewhere_nor_take_all_there_is(tmp_path: Path) -> None:
    tally = Tally("short", is_quiet=True)
    images = images_for(tmp_path, ("stored.tif", "tiled-deflate.tif", "lossless.jp2"))
    with victims() as victim:
        check_sound(tally, victim, images, tmp_path, ("add", "crop"))
        check_references(tally, victim, images[0], tmp_path, ("inspect",))
        jp2 = next(path for path in images if path.suffix == ".jp2")
        files = (*bombs(), *jp2_bombs(jp2.read_bytes()))
        check_bombs(tally, victim, files, images[0], tmp_path, ("add",))
        check_fuzz(tally, victim, images, tmp_path, seed=11, seconds=4)
    assert tally.faults == []
    assert tally.done["references"] > 50
    assert tally.done["bombs"] > 20
    assert tally.done["mutants refused"] > 5
