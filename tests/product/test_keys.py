"""Keys and the command line in a real terminal: what is typed, and what the fleet was asked to do."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tomllib

import pytest

from tests.product.conftest import Product

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(240)]

KEYS = """
[keys]
"fleet.discover-and-process" = "f6"
"mode.queues" = "f3"
"task.nosuch" = "x"
"""


def started_runs(product: Product) -> list[object]:
    done = subprocess.run(
        product.command("workflows", "list", "--json"),
        capture_output=True, text=True, env=product.env, timeout=60, check=True,
    )  # fmt: skip
    runs: list[object] = json.loads(done.stdout)
    return runs


def test_commands_are_typed_by_name_and_done_by_keys_of_ones_own(product: Product) -> None:
    directory = product.home / ".config" / "earthgazer"
    directory.mkdir(parents=True)
    (directory / "keys.toml").write_text(KEYS)
    console = product.console(columns=120, lines=36)
    console.wait_for("1 Overview", "no command 'task.nosuch'", timeout_s=30)
    console.wait_for("2 seen", "f6 Discover and process")
    console.press("D")
    console.press(*":queues\r")
    console.wait_for("io_queue", "Consumers")
    console.press(*":export queues.csv\r")
    console.wait_for("rows in", "queues.csv")
    rows = list(csv.DictReader((product.home / "queues.csv").read_text().splitlines()))
    assert {"io_queue", "cpu_queue"} <= {row["name"] for row in rows}
    console.press(*":nosuch\r")
    console.wait_for("no command :nosuch here")
    assert started_runs(product) == []
    console.press(*":overview\r")
    console.wait_for("f6 Discover and process")
    console.press("\x1b[17~")
    console.wait_for("pipeline")
    assert len(started_runs(product)) == 1
    console.press(*":workflows\r")
    console.wait_for("full_pipeline")
    console.press("ctrl+c")
    assert console.wait_exit() == 0


def test_all_keys_are_printed_without_a_terminal(product: Product) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "earthgazer_tui", "--keys"],
        capture_output=True, text=True, env=product.env, timeout=60, check=True,
    )  # fmt: skip
    assert str(product.home / ".config" / "earthgazer" / "keys.toml") in done.stdout
    assert tomllib.loads(done.stdout)["keys"]["app.help"] == "question_mark"
