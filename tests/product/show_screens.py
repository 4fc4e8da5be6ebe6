"""Print the six main screens of the running product at 80×24, as its user sees them.

Starts the console in a terminal over an embedded stack of its own, discovers and processes the sandbox, lets
one capture fail, and ends the stack again::

    python -m tests.product.show_screens
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

from tests.product.conftest import Product
from tests.product.terminal import Terminal
from tests.product.test_console import write_band

SETTLE_S = 3.0
"""Time in which a screen shows its newest data."""


def main() -> None:
    """Print all screens."""
    with tempfile.TemporaryDirectory(prefix="eg-screens-", dir="/tmp") as scratch:
        product = Product(Path(scratch) / "state", Path(scratch))
        with product.open_terminals:
            console = product.console()
            console.wait_for("1 Overview", "2 seen")
            fail_one_capture(product, Path(scratch))
            console.press("D")
            time.sleep(2 * SETTLE_S)
            show(console, "1", "Overview", "Workers")
            console.press("2")
            console.wait_for("no clear pixel", timeout_s=90)
            show(console, "2", "Captures", "Stages")
            console.press("down", "enter")
            show(console, "", "Capture", "histogram")
            console.press("escape")
            time.sleep(0.5)
            show(console, "3", "Queues", "Consumers")
            show(console, "4", "Workflows", "full_pipeline")
            show(console, "5", "Failed", "StorageError")
            show(console, "6", "Workers", "prefork")
            console.press("q")
            console.wait_exit()
        product.wait_until_nothing_runs()


def fail_one_capture(product: Product, directory: Path) -> None:
    """Add a capture whose red band is torn afterwards, and have it processed."""
    red, nir = directory / "B04.tif", directory / "B08.tif"
    for path in (red, nir):
        write_band(path)
    sensed = ("--mission", "SENTINEL-2B", "--sensing-time", "2026-05-01T09:50:00Z", "--baseline", "05.11")
    bands = ("--band", f"B04={red}", "--band", f"B08={nir}")
    added = run(product, "captures", "add", *sensed, *bands, "--json")
    red.write_bytes(red.read_bytes()[:2000])
    run(product, "workflows", "process", str(json.loads(added)["id"]))


def run(product: Product, *words: str) -> str:
    """Run a command of ``earthgazer``."""
    done = subprocess.run(
        product.command(*words), capture_output=True, text=True, env=product.env, check=True
    )
    return done.stdout


def show(console: Terminal, key: str, name: str, word: str) -> None:
    """Go to a screen and print it once a word is on it."""
    if key:
        console.press(key)
    console.wait_for(word)
    time.sleep(SETTLE_S)
    print(f"--- {name} " + "-" * (75 - len(name)))
    print(console.text())


if __name__ == "__main__":
    main()
