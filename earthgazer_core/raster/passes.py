"""Progress of work that goes over the same windows several times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earthgazer_core.domain.progress import Progress, ProgressSink


@dataclass(frozen=True, slots=True)
class Passes:
    """Tells a sink of windows done over all passes, so that its share only ever grows."""

    sink: ProgressSink
    """Who is told."""
    windows: int
    """Windows of each pass."""
    count: int
    """Passes in all; writing the COG is the last."""

    def told(self, number: int, stage: str) -> Callable[[int], None]:
        """Return what pass ``number``, from 0, tells of its windows done."""

        def tell(done: int) -> None:
            self.sink(Progress(stage, number * self.windows + done, self.count * self.windows))

        return tell

    def writing(self) -> Callable[[float], None]:
        """Return what writing the COG, the last pass, tells of its share done, 0 to 1."""
        tell = self.told(self.count - 1, "writing COG")
        return lambda share: tell(int(share * self.windows))
