"""Options of ``earthgazer record`` that say nothing are told before anything is connected."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from earthgazer_core.cli.main import cli


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--for", "soon", "expected 30s, 10m, 8h or 2d"),
        ("--for", "0s", "expected 30s, 10m, 8h or 2d"),
        ("--segment", "15", "expected 30s, 10m, 8h or 2d"),
        ("--keep", "7w", "expected 30s, 10m, 8h or 2d"),
        ("--keep-size", "2 G", "expected 500M or 2G"),
        ("--keep-size", "0", "expected 500M or 2G"),
    ],
)
def test_a_span_or_size_that_is_none_is_told(tmp_path: Path, option: str, value: str, expected: str) -> None:
    name = tmp_path / "night.egr"
    result = CliRunner().invoke(
        cli, ["record", str(name), "--broker", "redis://127.0.0.1:1/0", option, value], standalone_mode=True
    )
    assert result.exit_code == 2
    assert f"{option} {value!r}: {expected}" in result.stderr
    assert list(tmp_path.iterdir()) == []
