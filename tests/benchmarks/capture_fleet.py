"""Captures of a small field, made up for the purpose, and a worker that takes them through the pipeline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from earthgazer_core.db import migrations
from earthgazer_core.db.repositories import captures as known
from earthgazer_core.db.session import Database, make_engine
from earthgazer_core.operations.runs import show_run
from earthgazer_core.settings import DatabaseSettings
from earthgazer_core.stack.launch import death_signal
from earthgazer_core.tasks.files import capture_of_files
from tests.benchmarks.recorded_fleet import PYTHON

_SIZE_PX = 256
_TRANSFORM = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 4_600_000.0)
_START_S = 60.0
_LONGEST_S = 900.0
_OVER = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of the captures."""

    seconds: float
    """From the command to the end of the last task."""
    per_s: float
    """Captures per second."""
    tasks: int
    """Steps of the run."""


class CaptureFleet:
    """A worker for all queues, with a database and directories of its own."""

    def __init__(self, broker_url: str, postgres_url: str, directory: Path, *, processes: int) -> None:
        directory.mkdir()
        self.directory = directory
        url = make_url(postgres_url).set(database=directory.name)
        admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"create database {directory.name}"))
        admin.dispose()
        plain_url = url.render_as_string(hide_password=False)
        self.database = Database(make_engine(DatabaseSettings(url=plain_url)))  # type: ignore[arg-type]
        migrations.upgrade(self.database.engine)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EARTHGAZER__")},
            "EARTHGAZER__CELERY__BROKER_URL": broker_url,
            "EARTHGAZER__DATABASE__URL": plain_url,
            "EARTHGAZER__STORAGE__DATA_PATH": str(directory / "data"),
        }
        self._log = directory / "worker.log"
        with self._log.open("wb") as log:
            self.worker = subprocess.Popen(
                [*death_signal("TERM"), PYTHON, "-m", "earthgazer_core.cli", "worker", "all",
                 "--concurrency", str(processes), "--", "--without-mingle", "--without-gossip"],
                cwd=directory, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def process(self, captures: int) -> Processed:
        """Take so many new captures through the pipeline."""
        ids = [str(self._add(number)) for number in range(captures)]
        self._until(lambda: b" ready." in self._log.read_bytes(), _START_S)
        began = time.monotonic()
        command = (PYTHON, "-m", "earthgazer_core.cli", "workflows", "process", *ids, "--json")
        done = subprocess.run(
            command, cwd=self.directory, env=self.environment, check=True, capture_output=True
        )
        run_id = json.loads(done.stdout)["run_id"]
        run: Any = None

        def is_over() -> bool:
            nonlocal run
            with self.database.session() as session:
                run = show_run(session, run_id).row
            return run.state in _OVER

        self._until(is_over, _LONGEST_S, pause_s=0.5)
        seconds = time.monotonic() - began
        if run.state != "succeeded":
            raise RuntimeError(f"the run {run.state}: {self._log.read_text()[-2000:]}")
        return Processed(seconds, captures / seconds, run.total)

    def stop(self) -> None:
        """End the worker and let go of the database."""
        self.worker.send_signal(signal.SIGTERM)
        try:
            self.worker.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()
        self.database.dispose()

    def _add(self, number: int) -> int:
        """Make a capture with pixels that no other has: the same ones would be found made already."""
        random = np.random.default_rng(number)
        bands = []
        for band in ("B02", "B03", "B04", "B08"):
            path = self.directory / f"{number}-{band}.tif"
            pixels = random.integers(1200, 5000, (_SIZE_PX, _SIZE_PX), dtype=np.uint16)
            with rasterio.open(
                path, "w", driver="GTiff", width=_SIZE_PX, height=_SIZE_PX, count=1, dtype="uint16", nodata=0,
                crs="EPSG:32629", transform=_TRANSFORM, compress="deflate",
            ) as file:  # fmt: skip
                file.write(pixels, 1)
            bands.append((band, path))
        sensed = datetime(2021, 1, 1, 11, tzinfo=UTC) + timedelta(days=number)
        capture = capture_of_files(
            "SENTINEL-2A", sensed, bands, product_id=f"bench-{number}", baseline="03.00", level="L2A",
            mask_policy="none",
        )  # fmt: skip
        with self.database.session() as session:
            return int(known.add(session, capture).id)

    def _until(self, is_so: Any, seconds: float, pause_s: float = 0.05) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            if self.worker.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"not in time: {self._log.read_text()[-2000:]}")
            time.sleep(pause_s)
