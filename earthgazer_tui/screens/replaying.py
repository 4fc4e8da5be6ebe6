"""What a screen over a recording does with its time."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import timedelta

from textual import work

from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.screens.steady import SteadyScreen
from earthgazer_tui.state.session import Session


class ReplayingScreen(SteadyScreen[None]):
    """A screen whose fleet may be a recording."""

    session: Session
    """The console."""

    @property
    def is_replay(self) -> bool:
        """Whether it shows a recording."""
        snapshot = self.session.store.snapshot
        return snapshot is not None and snapshot.replay is not None

    def action_replay_toggle(self) -> None:
        """Stop time, or let it go on."""
        self._replay(self.session.fleet.toggle_replay())

    def action_replay_speed(self, steps: int) -> None:
        """Let time go faster or slower."""
        self._replay(self.session.fleet.change_replay_speed(steps))

    def action_replay_jump(self, seconds: int) -> None:
        """Go forward or back."""
        self._replay(self.session.fleet.jump_replay(timedelta(seconds=seconds)))

    def action_replay_seek(self, place: str = "") -> None:
        """Go to a place."""
        self._replay(self.session.fleet.seek_replay(place))

    @work(group="replay")
    async def _replay(self, going: Coroutine[object, object, None]) -> None:
        try:
            await going
        except FleetError as error:
            self.notify(str(error), title="Replay", severity="warning", markup=False)
