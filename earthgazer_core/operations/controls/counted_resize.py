"""A pool resized by so many processes, and counted until they are there or gone."""

from __future__ import annotations

import time
from dataclasses import dataclass

from earthgazer_core.errors import RefusedError
from earthgazer_core.operations.answer_values import mapping
from earthgazer_core.operations.controls.control import ControlResult, WorkerControl
from earthgazer_core.operations.controls.resize import resize
from earthgazer_core.operations.pools import pool_size

_COUNT_WITHIN_S = 7.0
"""A prefork pool starts added processes when it next looks after itself, every five seconds."""
_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class PoolChange:
    """What became of a change to a pool."""

    hostname: str
    """The worker."""
    size_before: int
    """Processes before."""
    size_after: int
    """Processes counted afterwards."""
    size_wanted: int
    """Processes that there will be."""

    @property
    def summary(self) -> str:
        """One line."""
        words = f"{self.hostname}: {self.size_before} → {self.size_wanted} processes"
        return words if self.size_after == self.size_wanted else f"{words}, {self.size_after} so far"


def resize_counted(
    control: WorkerControl, hostname: str, by: int, *, count_within_s: float = _COUNT_WITHIN_S
) -> PoolChange:
    """Resize one worker's pool as :func:`resize` does, and count its processes.

    Args:
        control: Tells workers.
        hostname: The worker.
        by: Processes to add; to take where negative.
        count_within_s: Time to wait for the processes to be as wanted; 0 counts once.

    Raises:
        RefusedError: it did not answer, can't be resized, or would not; the message says why.
    """
    result = resize(control, [hostname], by)
    reasons = _reasons(result)
    if reasons:
        raise RefusedError("; ".join(reasons))
    before = result.before.get(hostname) or 0
    counted = _counted(control, hostname, before + by, count_within_s)
    return PoolChange(hostname, before, counted, before + by)


def _reasons(result: ControlResult) -> list[str]:
    return [f"{answer.worker}: {answer.text}" for answer in result.answers if not answer.is_ok]


def _counted(control: WorkerControl, hostname: str, wanted: int, within_s: float) -> int:
    """Return the number of processes once it is as wanted, or as it is when patience ends."""
    deadline = time.monotonic() + within_s
    while True:
        said = control.mailbox.ask("stats", destination=[hostname], timeout_s=control.timeout_s).values
        size = pool_size(mapping(said.get(hostname))) or 0
        if size == wanted or time.monotonic() > deadline:
            return size
        time.sleep(_LOOK_AGAIN_S)
