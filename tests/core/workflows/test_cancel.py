"""A run that nobody works on yet is cancelled, and its tasks never run."""

from __future__ import annotations

from pathlib import Path

from earthgazer_core.settings import EarthGazerSettings
from tests.core.pipeline import Pipeline


def test_a_cancelled_run_does_nothing(settings: EarthGazerSettings, tmp_path: Path) -> None:
    pipeline = Pipeline(settings, tmp_path / "work")
    started = pipeline.ok("workflows", "full-pipeline", "--json")

    def is_recorded() -> bool:
        return pipeline.ask("workflows", "show", started["run_id"]).code == 0

    pipeline.eventually(is_recorded)
    cancelled = pipeline.ok("workflows", "cancel", started["run_id"], "--json")
    assert cancelled["published"]
    assert cancelled["workers"] == []
    assert pipeline.run("workflows", "cancel", "no-such-run", "--json").code == 1
