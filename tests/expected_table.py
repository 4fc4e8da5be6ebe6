"""Print the table of expected against obtained NDVI statistics, through the whole product.

Starts an embedded stack of its own in a temporary directory, adds each input with ``earthgazer captures
add``, has a worker process it, reads ``earthgazer artifacts show --json``, and ends the stack again::

    python -m tests.expected_table [DATA]

DATA is the directory with ``expected.json``: EARTHGAZER_TEST_DATA, or ``../shared/data``, if left out.
The exit code is 1 if anything differs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.expected_cases import CASES, TOLERANCE, differences, load_expected


def main(arguments: list[str]) -> int:
    """Print the table and return the exit code."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    data = Path(arguments[0] if arguments else os.environ.get("EARTHGAZER_TEST_DATA") or beside).resolve()
    expected = load_expected(data)
    # So that whoever ends it ends its stack too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="earthgazer-expected-") as directory:
        state = ["--state-dir", f"{directory}/state"]
        earthgazer("stack", "up", "--detach", *state, cwd=directory)
        try:
            rows = [row(case.name, run(case, data, expected, state, directory), expected) for case in CASES]
        finally:
            earthgazer("stack", "down", *state, cwd=directory)
    header = ("case", "valid / total", "mean, expected", "mean, obtained", "std, expected", "std, obtained",
              "histogram", "verdict")  # fmt: skip
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for cells, _ in rows:
        print("| " + " | ".join(cells) + " |")
    print(f"\nvalid, total and the histogram (200 bins summed to 20) exactly, mean and std to {TOLERANCE:g}")
    return 1 if any(is_wrong for _, is_wrong in rows) else 0


def run(case: Any, data: Path, expected: dict[str, Any], state: list[str], directory: str) -> dict[str, Any]:
    """Return the artifact that the product makes of a case."""
    number = earthgazer(*state, *case.add_arguments(data), cwd=directory)["id"]
    earthgazer(*state, *case.process_arguments(number, expected[case.name]), cwd=directory)
    of_it = ("artifacts", "list", "--capture", str(number), "--kind", "ndvi", "--json")
    listed = earthgazer(*state, *of_it, cwd=directory)
    shown: dict[str, Any] = earthgazer(
        *state, "artifacts", "show", str(listed[0]["id"]), "--json", cwd=directory
    )
    return shown


def row(name: str, artifact: dict[str, Any], expected: dict[str, Any]) -> tuple[list[str], bool]:
    """Return the cells of one line, and whether something differs."""
    wanted, got = expected[name]["expected"], artifact["statistics"]
    wrong = differences(artifact, expected[name])
    histogram = "equal" if not any(one.startswith("histogram") for one in wrong) else "differs"
    if wanted["valid"] == 0:
        histogram = artifact["outcome"]
    cells = [
        name,
        f"{got['valid']} / {got['total']}",
        *(number(value) for value in (wanted.get("mean"), got["mean"], wanted.get("std"), got["std"])),
        histogram,
        "; ".join(wrong) or "equal",
    ]
    return cells, bool(wrong)


def number(value: float | None) -> str:
    """Return a number with the digits that are compared, and some more."""
    return "none" if value is None else f"{value:.9f}"


def earthgazer(*arguments: str, cwd: str) -> Any:
    """Run ``earthgazer`` and return its document, if it prints one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EARTHGAZER_")}
    done = subprocess.run(
        [sys.executable, "-m", "earthgazer_core.cli", *arguments],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"earthgazer {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout) if "--json" in arguments else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
