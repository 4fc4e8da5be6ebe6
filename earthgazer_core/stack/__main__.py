"""The supervisor's process: ``python -m earthgazer_core.stack``, started by the client, not by hand."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import logging
import os
import sys
from pathlib import Path

from earthgazer_core.errors import ConflictError, EarthGazerError
from earthgazer_core.stack.control import Control
from earthgazer_core.stack.files import control_path, disk_error, state_directory
from earthgazer_core.stack.plan import StackPlan
from earthgazer_core.stack.supervisor import Supervisor


def main() -> int:
    """Take the state directory, say so in one JSON line, and run the stack."""
    plan = _arguments()
    os.umask(0o077)
    try:
        lock = _take(plan.state_dir)
    except EarthGazerError as error:
        _say({"ok": False, "error": str(error), "kind": type(error).__name__})
        return 1
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    try:
        return asyncio.run(_run(plan))
    finally:
        os.close(lock)


async def _run(plan: StackPlan) -> int:
    supervisor = Supervisor(plan)
    control = Control(supervisor)
    path = control_path(plan.state_dir)
    await control.open(str(path))
    _say({"ok": True})
    try:
        return await supervisor.run()
    finally:
        await control.close()
        path.unlink(missing_ok=True)


def _arguments() -> StackPlan:
    parser = argparse.ArgumentParser(prog="earthgazer stack", description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--detach", action="store_true")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--app")
    parser.add_argument("--profiles")
    parser.add_argument("--warm-timeout", type=float)
    parser.add_argument("--attach-grace", type=float)
    options = parser.parse_args()
    plan = StackPlan(options.state_dir, options.detach, options.workers)
    return StackPlan(
        plan.state_dir,
        plan.is_detached,
        plan.concurrency,
        options.app or plan.app,
        tuple(filter(None, options.profiles.split(","))) if options.profiles is not None else plan.profiles,
        options.warm_timeout,
        options.attach_grace or plan.attach_grace_s,
    )


def _take(state_dir: Path) -> int:
    """Return the locked descriptor that makes the state directory ours; the kernel frees it when we end."""
    path = state_directory(state_dir) / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise disk_error(error, path) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConflictError(f"state directory {state_dir} is taken by another EarthGazer") from None
    return descriptor


def _say(value: dict[str, object]) -> None:
    """Tell the one who started us, then close the pipe: it may be gone at any time after."""
    try:
        print(json.dumps(value), flush=True)  # noqa: T201 - the answer to the client
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the rest of this process's life


if __name__ == "__main__":
    sys.exit(main())
