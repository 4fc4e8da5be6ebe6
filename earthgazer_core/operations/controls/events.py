"""Whether workers tell of their tasks."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_core.operations.controls.control import ControlResult, OnAnswer, WorkerControl


def switch_events(
    control: WorkerControl,
    workers: str | Sequence[str],
    *,
    on: bool,
    on_answer: OnAnswer | None = None,
) -> ControlResult:
    """Have workers send task events, or stop sending them; forgotten at a restart.

    Raises:
        NotFoundError: a pattern matches nobody.
        RefusedError: nobody answered.
        ServiceUnavailableError: the broker is away.
    """
    command = "enable_events" if on else "disable_events"
    return control.carry_out(f"worker.{command}", command, {}, workers, on_answer=on_answer)
