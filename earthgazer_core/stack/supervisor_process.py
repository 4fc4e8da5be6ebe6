"""The supervisor as a process of its own, which outlives whoever starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from earthgazer_core.errors import ConflictError, EarthGazerError, ServiceUnavailableError
from earthgazer_core.stack.control_client import answer_of
from earthgazer_core.stack.files import open_log
from earthgazer_core.stack.identity import MARKER

_POLL_S = 0.05


class _Supervisor(subprocess.Popen[bytes]):
    """A child that outlives us where that is wanted: going out of sight is no leak."""

    def __del__(self) -> None:
        """Say nothing; a running supervisor belongs to the state directory, not to us."""


def start_supervisor(
    state_dir: Path, options: Sequence[str], *, detach: bool, workers: int | None
) -> subprocess.Popen[bytes] | None:
    """Start a supervisor and return it once it has the state directory; None where another has that.

    Args:
        state_dir: The state directory.
        options: More words of its command line.
        detach: Whether it goes on without anybody attached.
        workers: How many workers of each profile; as the profile says if None.

    Raises:
        EarthGazerError: it did not start; the message says why.
    """
    # -P keeps modules of the current directory from being imported instead of the installed ones.
    command = [sys.executable, "-P", "-m", "earthgazer_core.stack", "--state-dir", str(state_dir)]
    command += options
    command += ["--detach"] if detach else []
    command += ["--workers", str(workers)] if workers is not None else []
    log = open_log(state_dir, "supervisor")
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as answer:
        with os.fdopen(log, "ab") as stderr, os.fdopen(write_end, "wb") as stdout:
            process = _Supervisor(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                # A mark inherited from another stack would make that one take us for its own.
                env={name: value for name, value in os.environ.items() if name != MARKER},
                start_new_session=True,
            )
        line = answer.readline()
    if not line:
        process.wait()
        raise ServiceUnavailableError(
            f"the stack's supervisor did not start: see {state_dir}/logs/supervisor.log"
        )
    try:
        answer_of(line)
    except ConflictError:
        process.wait()
        time.sleep(_POLL_S)
        return None
    except EarthGazerError:
        process.wait()
        raise
    return process
