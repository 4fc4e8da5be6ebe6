"""The decisive test: real captures in, NDVI out, compared with what was computed independently."""

from __future__ import annotations

import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.core.pipeline import Pipeline
from tests.expected_cases import CASES, crop_arguments, differences, load_expected


@pytest.fixture(scope="session")
def obtained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, test_data: Path
) -> dict[str, Any]:
    """What the whole path gives for each case; worked out once, by the first process of the run to ask."""
    own = tmp_path_factory.getbasetemp()
    kept = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "expected_obtained.json"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_text(json.dumps(_obtain(request.getfixturevalue("pipeline"), test_data)))
    obtained: dict[str, Any] = json.loads(kept.read_text())
    return obtained


def _obtain(pipeline: Pipeline, test_data: Path) -> dict[str, Any]:
    expected = load_expected(test_data)
    ids = {case.name: pipeline.ok(*case.add_arguments(test_data))["id"] for case in CASES}
    together: dict[tuple[str, ...], list[str]] = {}
    for case in CASES:
        together.setdefault(tuple(crop_arguments(expected[case.name])), []).append(str(ids[case.name]))

    def process(crop: tuple[str, ...]) -> None:
        pipeline.ok("workflows", "process", *together[crop], *crop, "--no-analysis", "--wait", "--json")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(process, together))
    return {case.name: pipeline.artifact(ids[case.name]) for case in CASES}


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_statistics_equal_an_independent_tools(name: str, obtained: dict[str, Any], test_data: Path) -> None:
    assert differences(obtained[name], load_expected(test_data)[name]) == []


def test_every_ndvi_case_of_the_file_is_run_or_known_to_be_wrong(test_data: Path) -> None:
    told = {
        name
        for name, case in load_expected(test_data).items()
        if "valid" in case.get("expected", {}) and "wrong" not in name
    }
    assert told == {case.name for case in CASES}


def test_the_histogram_has_200_bins_of_a_hundredth(obtained: dict[str, Any]) -> None:
    for artifact in obtained.values():
        statistics = artifact["statistics"]
        assert statistics["histogram"]["edges"] == [step / 100 for step in range(-100, 101)]
        counted = sum(statistics["histogram"]["counts"]) + statistics["below"] + statistics["above"]
        assert counted == statistics["valid"]


def test_the_offset_decision_is_told_with_its_reason(obtained: dict[str, Any]) -> None:
    assert "04.00" in obtained["s2_N0400_offset"]["parameters"]["radiometry"]
    assert "no offset" in obtained["s2_29RKH_nodata"]["parameters"]["radiometry"]
