"""Captures through the whole pipeline while a seeded schedule kills, pauses, fills and empties.

Run ``python -m tests.campaigns.chaos [--seeds N] [--first S] [--captures N] [--journal FILE] [--keep DIR]``.
A journal is gone on with: seeds that were survived are not run again.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import func, select

from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.errors import EarthGazerError, ServiceUnavailableError
from earthgazer_core.operations.runs import show_run
from earthgazer_core.recorder.order import UNFINISHED
from tests.campaigns import chaos_checks as checks
from tests.campaigns.chaos_catalogue import Catalogue
from tests.campaigns.chaos_faults import FAULTS, Planned, Tormentor, plan
from tests.campaigns.chaos_journal import Journal, Outcome
from tests.campaigns.chaos_stack import ChaosStack, until
from tests.campaigns.tally import Tally

CAPTURES = 200
WITHIN_S = 60.0
"""Time over which the faults of a seed are spread."""
_SETTLE_S = 600.0
_STANDSTILL_S = 100.0
"""Longest time without a step that ends: a lost one that was begun is given its time limit first."""
_RECONCILE_EVERY_S = 12.0
_BBOX = "--bbox=-8.99,41.53,-8.97,41.55"
_ROUNDS = 4
_PATIENCE_S = 30.0
"""How long after all others a fault waits for somebody to hit, or a stack for its user to start it."""


@dataclass
class Ordeal:
    """One seed on one stack."""

    tally: Tally
    stack: ChaosStack
    catalogue: Catalogue
    captures: int
    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    republished: int = 0
    run_id: str = ""

    def begin(self) -> None:
        """Start the stack, attach a console, and set it to work."""
        self.stack.up()
        self.tally.check(self.stack.variables, "the stack tells how it is reached")
        self.stack.open_console()
        self._command("locations", "add", "--name", "field", _BBOX, "--from", "2021-01-01")
        self.run_id = json.loads(self._command("workflows", "full-pipeline", "--json"))["run_id"]
        self.tally.say("work began")

    def suffer(self, planned: Sequence[Planned]) -> None:
        """Do the harm that is planned, and undo in time what can be undone."""
        tormentor = Tormentor(self.stack, self.catalogue)
        began = time.monotonic()
        numbers = itertools.count()
        coming: list[tuple[float, int, str, Callable[[], str]]] = []

        def plan_in(at_s: float, name: str, act: Callable[[], str]) -> None:
            heapq.heappush(coming, (at_s, next(numbers), name, act))

        def harm(fault: Planned) -> str:
            done = FAULTS[fault.name](tormentor)
            self.done[fault.name] += bool(done.what)
            if (undo := done.undo) is not None:
                lasts_s = 0.5 if fault.name in ("kill supervisor", "kill console") else fault.lasts_s
                over = f"over: {done.what}"
                plan_in(time.monotonic() - began + lasts_s, over, lambda: "" if undo() is False else over)
            return done.what

        for fault in planned:
            plan_in(fault.at_s, fault.name, partial(harm, fault))
        end_s = max(fault.at_s for fault in planned) + _PATIENCE_S
        while coming:
            at_s, number, name, act = heapq.heappop(coming)
            time.sleep(max(0.0, began + at_s - time.monotonic()))
            now_s = time.monotonic() - began
            if what := act():
                self.tally.say(f"{now_s:6.1f} {what}")
            elif now_s < end_s:
                heapq.heappush(coming, (now_s + 0.5, number, name, act))
            else:
                self.tally.say(f"{now_s:6.1f} {name}: given up")

    def settle(self) -> None:
        """Let all come to an end, as an operator would who looks after it; retry what failed."""
        self.stack.up()
        for number in range(_ROUNDS):
            state = self._settled()
            is_over = state in ("succeeded", "failed")
            self.tally.check(is_over, f"round {number}: the run is {state}: {self._open()}")
            if state != "failed":
                return
            kinds = checks.check_failures(self.tally, self.stack)
            self.failed += kinds
            self.tally.say(f"the run {state}: {dict(kinds)}")
            done = self.stack.command("tasks", "retry", "--where", "state:failure")
            self.tally.say(f"retry: {done.returncode} {done.stderr.strip()[-300:]}")
        self.tally.fault(f"after {_ROUNDS} retries the run is not done: {self._open()}")

    def examine(self) -> None:
        """Check what must hold, while the stack runs and after it ended."""
        self.stack.quit_console()
        self._sweep()
        try:
            checks.check_captures(self.tally, self.stack, self.captures)
            checks.check_history(self.tally, self.stack)
            checks.check_broker(self.tally, self.stack)
            checks.check_files(self.tally, self.stack)
        except (EarthGazerError, OSError) as error:
            self.tally.fault(f"what must hold can't be looked at: {type(error).__name__}: {error}")

    def end(self) -> None:
        """End the stack and look for what it left."""
        self.stack.kill_console()
        done = self.stack.down()
        self.tally.check(done.returncode == 0, f"the stack does not end: {done.stderr[-300:]}")
        until(lambda: not self.stack.living(), 10.0)
        checks.check_end(self.tally, self.stack)

    def _sweep(self) -> None:
        """Have the leftovers of killed processes removed, as the schedule does once an hour."""
        self.stack.app.send_task(
            "earthgazer.maintenance.sweep_work_files", kwargs={"older_than_s": 0.0}, queue="maintenance",
            ignore_result=True,
        )  # fmt: skip
        until(lambda: not any((self.stack.data_path / "work").glob("*")) and not self._open(), 15.0)

    def _settled(self) -> str:
        """Return the run's state once nothing goes on, nothing has moved for long, or the time is over."""
        began = moved_at = time.monotonic()
        reconcile_at = began + 2.0
        state, standing = "", (0, 0)
        while time.monotonic() < min(moved_at + _STANDSTILL_S, began + _SETTLE_S):
            state, now_standing = self._state()
            if state in ("succeeded", "failed") and not self._open():
                return state
            if now_standing != standing:
                standing, moved_at = now_standing, time.monotonic()
            if time.monotonic() > reconcile_at:
                self._reconcile()
                reconcile_at = time.monotonic() + _RECONCILE_EVERY_S
            time.sleep(0.5)
        return state

    def _reconcile(self) -> None:
        done = self.stack.command("reconcile", "--grace", "5", "--with-begun", "--json")
        told = json.loads(done.stdout) if done.stdout else {}
        if "lost" not in told:
            self.tally.say(f"reconcile: {done.returncode} {done.stderr.strip()[-200:]}")
            return
        self.republished += len(told["republished"]) + len(told["bodies"])
        if found := {name: len(ids) for name, ids in told.items() if ids}:
            self.tally.say(f"reconcile: {found} {told['refused'][:1]}")

    def _state(self) -> tuple[str, tuple[int, int]]:
        """Return the run's state, and how many steps succeeded and failed."""
        try:
            with self.stack.database.session() as session:
                row = show_run(session, self.run_id).row
        except ServiceUnavailableError:
            return "unknown", (0, 0)
        return row.state, (row.done, row.failed)

    def _open(self) -> dict[str, int]:
        """Return the unfinished executions by name and state; one more where nobody can tell."""
        row = TaskExecutionRow
        query = select(row.name, row.state, func.count()).where(row.state.in_(UNFINISHED))
        try:
            with self.stack.database.session() as session:
                counted = session.execute(query.group_by(row.name, row.state)).all()
        except ServiceUnavailableError as error:
            return {str(error): 1}
        return {f"{name} {state}": number for name, state, number in counted}

    def _command(self, *words: str) -> str:
        done = self.stack.command(*words)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.returncode}: {done.stderr[-500:]}")
        return done.stdout


def run_seed(
    seed: int, *, captures: int = CAPTURES, within_s: float = WITHIN_S, names: tuple[str, ...] | None = None,
    is_quiet: bool = False, keep: Path | None = None,
) -> Outcome:  # fmt: skip
    """Run one seed from nothing to nothing and return what became of it."""
    tally = Tally(f"chaos, seed {seed}", is_quiet=is_quiet)
    began = time.monotonic()
    settled_s = 0.0
    catalogue = Catalogue(captures)
    stack = ChaosStack(Path(tempfile.mkdtemp(prefix="eg-x", dir="/tmp")), catalogue.url)
    ordeal = Ordeal(tally, stack, catalogue, captures)
    try:
        ordeal.begin()
        ordeal.suffer(plan(seed, within_s=within_s, names=names))
        calm = time.monotonic()
        ordeal.settle()
        settled_s = time.monotonic() - calm
        tally.say(f"settled after {settled_s:.0f} s")
        ordeal.examine()
        if tally.faults and keep is not None:
            checks.keep(stack, keep / f"seed-{seed}")
        ordeal.end()
    except (EarthGazerError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        tally.fault(f"{type(error).__name__}: {error}")
        if keep is not None:
            checks.keep(stack, keep / f"seed-{seed}")
    finally:
        stack.close()
        catalogue.stop()
    return Outcome(
        seed, captures, round(time.monotonic() - began, 1), round(settled_s, 1), dict(ordeal.done),
        dict(ordeal.failed), ordeal.republished, tally.done["checks"], tuple(tally.faults),
    )  # fmt: skip


def main() -> int:
    """Run seeds and print the table."""
    parser = argparse.ArgumentParser(description="Kills, pauses and a full disk.")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--captures", type=int, default=CAPTURES)
    parser.add_argument("--journal", type=Path, help="remembers seeds; survived ones are not run again")
    parser.add_argument("--keep", type=Path, help="where logs and history of seeds that failed go")
    wanted = parser.parse_args()
    # So that a campaign that is ended takes its stack along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    journal = Journal(wanted.journal)
    seeds = range(wanted.first, wanted.first + wanted.seeds)
    for seed in seeds:
        if not journal.survived(seed, wanted.captures):
            print(f"seed {seed}", flush=True)
            journal.add(run_seed(seed, captures=wanted.captures, keep=wanted.keep))
    print("\n".join(journal.table(seeds)))
    return 0 if all(journal.survived(seed, wanted.captures) for seed in seeds) else 1


if __name__ == "__main__":
    sys.exit(main())
