"""The steps of the embedded stack's start, each told once."""

from __future__ import annotations

from collections.abc import Callable

from earthgazer_core.stack.models import StartStep as CoreStep
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.models import StartStep, StepState


class StartReport:
    """Translates steps for the start screen; whoever listens twice hears the old ones again."""

    def __init__(self, report: Callable[[StartStep], None]) -> None:
        self._report = report
        self._told: dict[str, StepState] = {}

    def take(self, step: CoreStep) -> None:
        """Tell a step, unless it was told; runs on the event loop."""
        state = StepState(step.state.value)
        known = self._told.get(step.name)
        if known is state or (known is StepState.READY and state is StepState.STARTING):
            return
        self._told[step.name] = state
        self._report(StartStep(sanitise.name(step.name), state, sanitise.url(step.detail), step.elapsed_s))
