"""Runs benchmarks: ``python -m tests.benchmarks [NAME…] [--quick] [--json FILE]``."""

from __future__ import annotations

import importlib
import pkgutil
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import click
import orjson

from tests.benchmarks.figure import Figure
from tests.benchmarks.report import document, table

PREFIX = "bench_"


def names() -> tuple[str, ...]:
    """Return the benchmarks there are: modules ``bench_…`` with a function ``run``."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return tuple(sorted(m.name.removeprefix(PREFIX) for m in found if m.name.startswith(PREFIX)))


@click.command()
@click.argument("chosen", metavar="[NAME…]", nargs=-1)
@click.option("--quick", is_flag=True, help="Smaller inputs: whether it runs, not what it costs.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write here too.")
@click.option("--list", "is_list", is_flag=True, help="Tell which there are.")
def main(chosen: Sequence[str], quick: bool, json_path: Path | None, is_list: bool) -> None:
    """Measure, print a table of each, and end with 1 where a budget is missed or a benchmark failed."""
    if is_list:
        click.echo("\n".join(names()))
        return
    if unknown := set(chosen) - set(names()):
        raise click.UsageError(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(names())}")
    # So that a run that is ended takes along what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    measured: dict[str, Sequence[Figure]] = {}
    failures: dict[str, str] = {}
    for name in chosen or names():
        click.echo(f"\n## {name}\n", err=True)
        began = time.monotonic()
        try:
            module = importlib.import_module(f"tests.benchmarks.{PREFIX}{name}")
            measured[name] = tuple(module.run(quick=quick))
        except Exception as error:  # noqa: BLE001 - one that fails is told, and the others still run
            failures[name] = f"{type(error).__name__}: {error}"
            traceback.print_exc()
            continue
        click.echo(f"## {name} ({time.monotonic() - began:.0f} s)\n\n{table(measured[name])}\n")
    if json_path is not None:
        json_path.write_bytes(orjson.dumps(document(measured, failures), option=orjson.OPT_INDENT_2))
    for name, reason in failures.items():
        click.echo(f"failed: {name}: {reason}", err=True)
    is_missed = any(figure.is_met is False for figures in measured.values() for figure in figures)
    sys.exit(1 if failures or (is_missed and not quick) else 0)


if __name__ == "__main__":
    main()
