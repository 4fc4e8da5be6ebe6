"""The views load without anything heavy: proved in a fresh interpreter, deferred imports included."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "celery", "kombu", "redis", "sqlalchemy", "geoalchemy2", "psycopg2", "alembic", "pydantic",
    "requests", "pystac_client", "obstore", "numpy", "rasterio", "earthgazer_core",
)  # fmt: skip
VIEWS = """
import importlib, pkgutil, sys
import earthgazer_tui.app
for room in ("screens", "widgets", "state", "commands"):
    package = importlib.import_module(f"earthgazer_tui.{room}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"earthgazer_tui.{room}.{module.name}")
"""


def loaded(code: str) -> set[str]:
    """Return the top-level packages that an interpreter has loaded after running some code."""
    report = "\nprint(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}{report}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())


def test_no_view_loads_broker_database_or_science() -> None:
    assert loaded(VIEWS).isdisjoint(HEAVY)


def test_the_first_frame_needs_neither_the_live_fleet_nor_plotext() -> None:
    assert loaded("import earthgazer_tui.__main__, earthgazer_tui.app").isdisjoint({*HEAVY, "plotext"})


def test_a_look_at_a_broker_alone_waits_for_no_database_library() -> None:
    assert loaded("import earthgazer_tui.fleet.live.fleet").isdisjoint({"sqlalchemy", "alembic", "numpy"})
