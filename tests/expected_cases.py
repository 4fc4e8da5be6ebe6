"""The NDVI cases of the independently computed ``expected.json``, as commands and comparisons.

Used by the tests, and by ``tests/expected_table.py`` which prints the table for people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLERANCE = 1e-6
"""Of mean and standard deviation, as the file states."""


@dataclass(frozen=True)
class Case:
    """One input with its known NDVI."""

    name: str
    """Name in ``expected.json``."""
    mission: str
    """Mission at the command line."""
    sensing_time: str
    """ISO 8601."""
    bands: tuple[tuple[str, str], ...]
    """(band, path below the test data)."""
    options: tuple[str, ...] = ()
    """Further options of ``captures add``."""

    def add_arguments(self, data: Path) -> list[str]:
        """Return the arguments of ``earthgazer`` that take it up."""
        bands = [f"--band={band}={data / path}" for band, path in self.bands]
        # each case is a capture of its own though several share files
        identity = f"--product-id=case-{self.name}"
        return ["captures", "add", "--mission", self.mission, "--sensing-time", self.sensing_time,
                *bands, identity, *self.options, "--json"]  # fmt: skip

    def process_arguments(self, capture_id: int, expected: Mapping[str, Any]) -> list[str]:
        """Return the arguments of ``earthgazer`` that process it."""
        return ["workflows", "process", str(capture_id), *crop_arguments(expected), "--wait", "--json"]


_19TBG = "sentinel2/19TBG_native10m"
_29RKH = "sentinel2/29RKH_20200219_L2A"
_L2A = "sentinel2/bangalore_L2A_nodata9999"
_L1C = "sentinel2/bangalore_L1C_undeclared0"
_32UPC = "sentinel2/32UPC_L1C_baseline0400"
_AMAZON = "landsat/LC08_L2SP_001062_20201031/LC08_L2SP_001062_20201031_20201106_02_T2_"
_COLOMBIA = "landsat/LC08_L2SP_008059_20191201/LC08_L2SP_008059_20191201_20200825_02_T1_"


def _sentinel2(name: str, folder: str, time: str, *options: str, more: Sequence[str] = ()) -> Case:
    bands = tuple((band, f"{folder}/{band}.tif") for band in ("B04", "B08", *more))
    unit = "SENTINEL-2B" if "32UPC" in folder else "SENTINEL-2A"
    return Case(name, unit, time, bands, options)


def _landsat(name: str, prefix: str, time: str, *options: str) -> Case:
    bands = (
        ("SR_B4", f"{prefix}SR_B4.TIF"),
        ("SR_B5", f"{prefix}SR_B5.TIF"),
        ("QA_PIXEL", f"{prefix}QA_PIXEL.TIF"),
    )
    return Case(name, "LANDSAT_8", time, bands, options)


CASES = (
    _sentinel2("s2_19_native10m", _19TBG, "2019-06-01T14:30:00Z"),
    _sentinel2("s2_bangalore_nd9999", _L2A, "2018-03-01T05:20:00Z"),
    _sentinel2("s2_bangalore_l1c_undeclared0", _L1C, "2018-03-01T05:20:00Z", "--level=L1C"),
    _sentinel2("s2_29RKH_nodata", _29RKH, "2020-02-19T11:34:25Z", "--baseline=02.14"),
    _sentinel2("s2_29RKH_scl", _29RKH, "2020-02-19T11:34:25Z", "--baseline=02.14", more=["SCL"]),
    _landsat("l8_c2l2_001062_nodata", _AMAZON, "2020-10-31T14:26:00Z", "--mask=none"),
    _landsat("l8_c2l2_001062_qa", _AMAZON, "2020-10-31T14:26:00Z"),
    _landsat("l8_c2l2_008059_colombia_nodata", _COLOMBIA, "2019-12-01T15:12:00Z", "--mask=none"),
    _landsat("l8_c2l2_008059_colombia_qa", _COLOMBIA, "2019-12-01T15:12:00Z"),
    _sentinel2("s2_N0400_offset", _32UPC, "2022-06-15T10:15:59Z", "--baseline=04.00", "--level=L1C"),
    _sentinel2("crop_s2_29RKH", _29RKH, "2020-02-19T11:34:25Z", "--baseline=02.14"),
    _sentinel2("crop_s2_19", _19TBG, "2019-06-01T14:30:00Z"),
    _sentinel2("crop_partial_29RKH", _29RKH, "2020-02-19T11:34:25Z", "--baseline=02.14"),
)
"""Every NDVI case but those that show what a wrong pipeline gets."""


def load_expected(data: Path) -> dict[str, Any]:
    """Return the cases of ``expected.json`` by name."""
    cases: dict[str, Any] = json.loads((data / "expected.json").read_text())["cases"]
    return cases


def crop_arguments(expected: Mapping[str, Any]) -> list[str]:
    """Return the option that crops as the case says, nothing where it takes the whole image."""
    bounds = expected.get("bounds")
    return [f"--bbox={','.join(str(edge) for edge in bounds)}"] if bounds else []


def coarse(histogram: Mapping[str, Any]) -> list[int]:
    """Return a histogram of 200 bins as its 20 sums of ten."""
    counts = histogram["counts"]
    return [sum(counts[start : start + 10]) for start in range(0, len(counts), 10)]


def differences(artifact: Mapping[str, Any], case: Mapping[str, Any]) -> list[str]:
    """Return in what an artifact, as ``artifacts show --json`` tells of it, differs from what is expected."""
    expected, obtained = case["expected"], artifact["statistics"]
    found = [
        f"{name}: expected {expected[name]}, obtained {obtained[name]}"
        for name in ("valid", "total")
        if obtained[name] != expected[name]
    ]
    if expected["valid"] == 0:
        found += [
            f"{name} of nothing: {obtained[name]}" for name in ("mean", "std") if obtained[name] is not None
        ]
        found += [] if artifact["outcome"] == "no_clear_pixels" else [f"outcome {artifact['outcome']}"]
        found += [] if sum(obtained["histogram"]["counts"]) == 0 else ["a histogram of nothing"]
        return found
    found += [
        f"{name}: expected {expected[name]}, obtained {obtained[name]}"
        for name in ("mean", "std")
        if obtained[name] is None or abs(obtained[name] - expected[name]) > TOLERANCE
    ]
    if coarse(obtained["histogram"]) not in (expected["hist20"], expected["hist20_float32"]):
        found.append(f"histogram: expected {expected['hist20']}, obtained {coarse(obtained['histogram'])}")
    outside = (obtained["below"], obtained["above"])
    if outside != (expected["below_minus1"], expected["above_1"]):
        found.append(
            f"outside [-1, 1]: expected {expected['below_minus1']}, {expected['above_1']}, got {outside}"
        )
    if "shape" in case and artifact["shape"] != case["shape"]:
        found.append(f"shape: expected {case['shape']}, obtained {artifact['shape']}")
    if "transform" in case and artifact["transform"] != case["transform"]:
        found.append(f"transform: expected {case['transform']}, obtained {artifact['transform']}")
    return found
