"""The product as its user starts it: a console in a terminal, its stack beneath, and how both end."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import numpy as np
import psutil
import pytest
import rasterio
from affine import Affine

from tests.product.conftest import Product
from tests.product.terminal import Terminal

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(240)]


def overview(terminal: Terminal) -> Terminal:
    """Return the terminal once both workers are seen on the overview."""
    terminal.wait_for("1 Overview", "2 seen", timeout_s=30)
    return terminal


def test_one_key_fills_an_empty_sandbox_and_every_screen_has_something_to_show(product: Product) -> None:
    console = overview(product.console())
    console.wait_for("press D here")
    console.press("D")
    console.press("2")
    console.wait_for("D✓B✓L✓S✓N✓R✓", "no clear pixel", timeout_s=90)
    console.wait_for("sandbox", "ok")
    console.press("enter")
    console.wait_for("NDVI histogram", "valid", "p50", timeout_s=30)
    console.press("tab")
    console.wait_for("a year", "no clear pixel")
    console.press("tab")
    console.wait_for("▀")
    console.press("escape")
    console.wait_for("enter Open")
    console.press("4")
    console.wait_for("full_pipeline", "succeeded", timeout_s=60)
    console.press("3")
    console.wait_for("io_queue", "Consumers")
    console.press("6")
    console.wait_for("cpu1@", "prefork 2")
    console.press("+")
    console.wait_for("prefork 3")
    console.press("q")
    assert console.wait_exit() == 0


def test_a_failure_is_shown_with_its_cause_and_retried_from_the_keyboard(
    product: Product, tmp_path: Path
) -> None:
    console = overview(product.console())
    good, torn = tmp_path / "B08.tif", tmp_path / "B04.tif"
    for path in (good, torn):
        write_band(path)
    bands = ("--band", f"B04={torn}", "--band", f"B08={good}", "--baseline", "02.14")
    sensed = ("--mission", "SENTINEL-2A", "--sensing-time", "2020-05-01T10:00:00Z")
    added = run(product, "captures", "add", *sensed, *bands, "--json")
    whole = torn.read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    assert json.loads(added)["id"] == 1
    console.press("2")
    console.wait_for("S2A", "2020-05-01")
    console.press("P")
    console.press("5")
    console.wait_for("Failed·1", "download_bands", timeout_s=60)
    torn.write_bytes(whole)
    console.press("R")
    console.wait_for("Retry 1 task?", "in place")
    console.press("y")
    console.wait_for("Nothing has failed", timeout_s=60)
    console.press("2")
    console.wait_for("N✓", timeout_s=60)
    console.press("q")
    assert console.wait_exit() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_however_the_console_ends_its_stack_ends_with_it(product: Product, number: signal.Signals) -> None:
    console = overview(product.console())
    console.send_signal(number)
    code = console.wait_exit()
    assert code == (-number if number == signal.SIGKILL else 0)
    product.wait_until_nothing_runs()
    if number != signal.SIGKILL:
        left, entered = b"\x1b[?1049l", b"\x1b[?1049h"
        assert console.received.rfind(left) > console.received.rfind(entered)


def test_a_lost_terminal_ends_the_stack(product: Product) -> None:
    console = overview(product.console())
    console.hang_up()
    console.wait_exit()
    product.wait_until_nothing_runs()


def test_a_detached_stack_stays_and_the_next_console_attaches_to_it(product: Product) -> None:
    first = overview(product.console("--detach"))
    before = servers(product)
    first.press("q")
    assert first.wait_exit() == 0
    assert servers(product) == before
    second = overview(product.console())
    assert servers(product) == before
    second.press("q")
    second.wait_exit()
    run(product, "stack", "down")


def test_two_consoles_share_a_stack_and_the_last_one_stops_it(product: Product) -> None:
    first = overview(product.console())
    second = overview(product.console())
    before = servers(product)
    first.press("q")
    assert first.wait_exit() == 0
    assert servers(product) == before
    second.press("6")
    second.wait_for("cpu1@", "seen")
    second.press("q")
    assert second.wait_exit() == 0


def test_what_a_crash_left_is_ended_by_the_next_start(product: Product) -> None:
    first = overview(product.console())
    left = product.processes()
    supervisor = next(one for one in left if "earthgazer_core.stack" in " ".join(one.cmdline()))
    supervisor.kill()
    first.send_signal(signal.SIGKILL)
    first.wait_exit()
    second = overview(product.console())
    now = {one.pid for one in product.processes()}
    assert not [one for one in left if one.pid in now and one.is_running()]
    second.press("q")
    assert second.wait_exit() == 0


def test_read_only_changes_nothing_and_ctrl_c_quits(product: Product) -> None:
    console = overview(product.console("--read-only"))
    console.wait_for("READ-ONLY")
    console.press("D", "6", "+", "N")
    console.wait_for("prefork 2")
    assert json.loads(run(product, "workflows", "list", "--json")) == []
    console.press("ctrl+c")
    assert console.wait_exit() == 0


def servers(product: Product) -> set[int]:
    """Return the ids of the servers' processes."""
    return {
        one.pid for one in product.processes() if one.name() in ("valkey-server", "postgres", "redis-server")
    }


def run(product: Product, *words: str) -> str:
    """Run a command of ``earthgazer`` and return what it printed."""
    done = subprocess.run(
        product.command(*words), capture_output=True, text=True, env=product.env, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_band(path: Path) -> None:
    """Write one band of 64 x 64 pixels in UTM."""
    pixels = np.random.default_rng(7).integers(500, 4000, (64, 64), dtype=np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=64, height=64, count=1, dtype="uint16", crs="EPSG:32633",
        transform=Affine(10, 0, 500_000, 0, -10, 5_000_000), nodata=0,
    ) as file:  # fmt: skip
        file.write(pixels, 1)


def test_processes_of_the_state_directory_are_found(product: Product) -> None:
    assert product.processes() == []
    with subprocess.Popen(["/bin/sleep", "30"], env={"X": str(product.state_dir)}) as sleeper:
        assert psutil.Process(sleeper.pid) in product.processes()
        sleeper.kill()
