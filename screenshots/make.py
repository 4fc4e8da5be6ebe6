"""Make the pictures anew from the running product: ``python screenshots/make.py``.

Starts an embedded stack of its own in a temporary directory, discovers and processes the sandbox, lets one
capture fail, and writes each screen as SVG beside this file. Everything it started is stopped at the end.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import numpy as np
import rasterio
from affine import Affine
from textual.pilot import Pilot

from earthgazer_tui.app import ConsoleApp
from earthgazer_tui.fleet.live.fleet import LiveFleet, LiveOptions
from earthgazer_tui.fleet.models import QuitChoice
from earthgazer_tui.fleet.protocol import Fleet

HERE = Path(__file__).resolve().parent
SIZE = (120, 34)
DEADLINE_S = 120.0
MODES = (
    ("2", "captures"),
    ("3", "queues"),
    ("4", "workflows"),
    ("5", "failed"),
    ("6", "workers"),
    ("7", "tasks"),
    ("8", "schedule"),
    ("9", "history"),
    ("0", "doctor"),
)
"""Keys of the main screens after the overview, and the names of their pictures."""


async def until(pilot: Pilot[None], is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until something is so."""
    deadline = monotonic() + DEADLINE_S
    while not await is_so():
        if monotonic() > deadline:
            raise TimeoutError(f"not within {DEADLINE_S:.0f} s: {what}")
        await pilot.pause(0.2)


def torn_capture(directory: Path) -> list[str]:
    """Write a capture, return the command that adds it; its red band is to be torn afterwards."""
    for band in ("B04", "B08"):
        with rasterio.open(
            directory / f"{band}.tif", "w", driver="GTiff", width=256, height=256, count=1, dtype="uint16",
            crs="EPSG:32633", transform=Affine(10, 0, 500_000, 0, -10, 5_000_000), nodata=0,
        ) as file:  # fmt: skip
            file.write(np.random.default_rng(1).integers(400, 4000, (256, 256), dtype=np.uint16), 1)
    bands = [word for band in ("B04", "B08") for word in ("--band", f"{band}={directory / band}.tif")]
    sensed = datetime.now(UTC).replace(hour=9, minute=50, second=0, microsecond=0).isoformat()
    return [
        "captures",
        "add",
        "--mission",
        "SENTINEL-2B",
        "--sensing-time",
        sensed,
        "--baseline",
        "05.11",
        *bands,
    ]


async def earthgazer(state_dir: Path, *words: str) -> None:
    """Run one command of ``earthgazer`` on the stack."""
    program = Path(sys.executable).with_name("earthgazer")
    process = await asyncio.create_subprocess_exec(
        program, "--state-dir", state_dir, *words, stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait() != 0:
        raise RuntimeError(f"earthgazer {' '.join(words)} failed")


async def pictures(state_dir: Path, imagery: Path) -> None:
    """Drive the console and save each screen."""
    fleet: Fleet = LiveFleet(
        LiveOptions(
            broker_url=None,
            database_url=None,
            state_dir=state_dir,
            read_only=False,
            refresh_hz=2.0,
            detach=False,
        )
    )
    app = ConsoleApp(lambda: fleet, refresh_s=0.5)
    try:
        async with app.run_test(size=SIZE) as pilot:
            await drive(pilot, fleet, state_dir, imagery)
    finally:
        await fleet.close(QuitChoice.STOP)


async def drive(pilot: Pilot[None], fleet: Fleet, state_dir: Path, imagery: Path) -> None:
    """Go through the screens."""

    async def on(mode: str) -> bool:
        return pilot.app.current_mode == mode

    async def analysed() -> bool:
        rows = await fleet.captures()
        return len([row for row in rows if row.ndvi_mean is not None]) >= 8

    async def ended() -> bool:
        rows = await fleet.runs()
        return bool(rows) and all(row.state in ("succeeded", "failed") for row in rows)

    async def failed() -> bool:
        return bool(await fleet.failed())

    def save(name: str) -> None:
        (HERE / f"{name}.svg").write_text(
            pilot.app.export_screenshot(title="earthgazer-tui"), encoding="utf-8"
        )

    await until(pilot, lambda: on("overview"), "the overview")
    await pilot.press("D")
    await pilot.pause(4.0)
    save("overview")
    await until(pilot, analysed, "NDVI of the sandbox")
    await until(pilot, ended, "the end of the pipeline")
    add = torn_capture(imagery)
    await earthgazer(state_dir, *add)
    whole = (imagery / "B04.tif").read_bytes()
    (imagery / "B04.tif").write_bytes(whole[: len(whole) // 3])
    newest = (await fleet.captures())[0]
    await fleet.process([newest.capture_id])
    await until(pilot, failed, "the failure")

    for key, name in MODES:
        await pilot.press(key)
        await pilot.pause(6.0 if name == "doctor" else 2.5)
        save(name)
    await pilot.press("2", "down", "enter")
    await pilot.pause(3.0)
    save("capture")
    await pilot.press("escape", "4")
    await pilot.pause(1.0)
    runs = await fleet.runs()
    whole_run = next(place for place, run in enumerate(runs) if run.name == "full_pipeline")
    await pilot.press("g", *["down"] * whole_run, "enter")
    await pilot.pause(2.0)
    save("run")
    await pilot.press("tab")
    await pilot.pause(2.0)
    save("run-by-time")
    await pilot.press("escape", "5", "enter")
    await pilot.pause(2.0)
    save("task")
    await pilot.press("escape", "R")
    await pilot.pause(2.0)
    save("retry")
    await pilot.press("escape", "3", "enter")
    await pilot.pause(2.0)
    save("queue")
    await pilot.press("escape", "6", "enter")
    await pilot.pause(3.0)
    save("worker")
    await pilot.press("escape", "colon", *"re")
    await pilot.pause(0.5)
    save("command-line")
    await pilot.press("escape", "question_mark")
    await pilot.pause(0.5)
    save("help")


def main() -> None:
    """Make all pictures."""
    os.environ["TERM"] = "xterm-256color"
    os.environ["COLORTERM"] = "truecolor"
    with tempfile.TemporaryDirectory(prefix="eg-pictures-", dir="/tmp") as scratch:
        imagery = Path(scratch) / "imagery"
        imagery.mkdir()
        asyncio.run(pictures(Path(scratch) / "state", imagery))


if __name__ == "__main__":
    main()
