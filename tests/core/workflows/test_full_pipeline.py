"""From an empty sandbox to a series, and once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from earthgazer_core.settings import EarthGazerSettings
from tests.core.pipeline import Pipeline


@pytest.fixture
def fresh(settings: EarthGazerSettings, tmp_path: Path) -> Iterator[Pipeline]:
    """A worker on services of this test alone."""
    running = Pipeline(settings, tmp_path / "work")
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_an_empty_sandbox_becomes_a_series_with_known_ndvi(fresh: Pipeline) -> None:
    done = fresh.ok("workflows", "full-pipeline", "--wait", "--json")
    (series,) = done["result"]["series"]
    listed = fresh.ok("captures", "list", "--json")
    shown = [fresh.ok("captures", "show", str(one["id"]), "--json") for one in listed]
    processed = [one for one in shown if one["superseded_by"] is None]
    assert len(processed) < len(shown)
    for capture in processed:
        assert {"backed_up", "downloaded", "stacked", "ndvi", "rgb"} <= set(capture["stages"])
        expected = capture["metadata"]["expected_ndvi"]
        statistics = next(made["statistics"] for made in capture["artifacts"] if made["kind"] == "ndvi")
        assert (statistics["valid"], statistics["total"]) == (expected["valid"], expected["total"])
        assert statistics["mean"] == (expected["mean"] and pytest.approx(expected["mean"], abs=1e-6))
    assert series["gaps"]["no clear pixel"] == 1
    assert series["gaps"]["no capture of this pass"] >= 1
    assert series["dates"] == series["trend"]["n"]

    before = [made["id"] for made in fresh.ok("artifacts", "list", "--json")]
    fresh.ok("workflows", "full-pipeline", "--wait", "--json")
    assert [made["id"] for made in fresh.ok("artifacts", "list", "--json")] == before
    assert len(fresh.ok("captures", "list", "--json")) == len(listed)

    assert fresh.ok("captures", "discover", "--wait", "--json")["result"] == []
