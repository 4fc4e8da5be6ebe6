"""The fleets that the console can look at: the one it was started with, and those of the config file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from earthgazer_tui.fleet.errors import SettingsError
from earthgazer_tui.state.place import Place

if TYPE_CHECKING:
    from earthgazer_core.contexts import FleetContext
    from earthgazer_tui.fleet.live.options import LiveOptions
    from earthgazer_tui.fleet.protocol import Fleet

STARTED = "default"
"""Name of what the console looks at without a context."""


@dataclass(frozen=True, slots=True)
class Start:
    """What the console was started with."""

    broker: str | None = field(default=None, repr=False)
    """Broker URL, password included."""
    app: str | None = None
    """``module:app`` to import."""
    database: str | None = field(default=None, repr=False)
    """Database URL, password included."""
    state_dir: Path | None = None
    """State directory of the embedded stack."""
    recording: Path | None = None
    """Recording to look at instead of a fleet."""
    is_read_only: bool = False
    """Whether nothing may be changed, in whatever fleet."""
    refresh_hz: float = 4.0
    """Snapshots per second at most."""
    is_detached: bool = False
    """Whether an embedded stack stays when nobody is attached."""


class Contexts:
    """Names the fleets and makes them; imports what is heavy only then."""

    def __init__(self, start: Start) -> None:
        self._start = start

    def find(self, name: str | None) -> Place:
        """Return the fleet of a name; what the console was started with if None.

        Raises:
            SettingsError: the config file is wrong, or has no such context.
        """
        if name is None:
            return self._started()
        places = self._configured()
        for place in places:
            if place.name == name:
                return place
        known = ", ".join(place.name for place in places) or "no context at all"
        raise SettingsError(f"no context {name!r}: {_path()} has {known}")

    def places(self) -> Sequence[Place]:
        """Return all fleets that can be switched to.

        Raises:
            SettingsError: the config file is wrong, or there is none.
        """
        found = self._configured()
        if not found:
            raise SettingsError(f"no other fleet is known: write contexts into {_path()}")
        return (self._started(), *(place for place in found if place.name != STARTED))

    def _started(self) -> Place:
        return Place(
            STARTED,
            partial(self._make, None),
            self._start.is_read_only or self._start.recording is not None,
            "",
            "what the console was started with",
        )

    def _configured(self) -> tuple[Place, ...]:
        from earthgazer_core.contexts import load_contexts
        from earthgazer_core.errors import InvalidInputError

        try:
            contexts = load_contexts()
        except InvalidInputError as error:
            raise SettingsError(str(error)) from None
        return tuple(
            Place(
                name=one.name,
                make_fleet=partial(self._make, one),
                is_read_only=one.is_read_only or self._start.is_read_only,
                colour=one.colour,
                description=one.description or one.app or "",
            )
            for one in contexts
        )

    def _make(self, context: FleetContext | None) -> Fleet:
        """Import what is heavy, and make a fleet; runs in a thread once the first frame is painted."""
        from earthgazer_core.errors import InvalidInputError
        from earthgazer_core.settings import load_settings

        try:
            load_settings()
            if context is None and self._start.recording is not None:
                from earthgazer_tui.fleet.replay.fleet import ReplayFleet

                return ReplayFleet(self._start.recording, self._options(context))
            from earthgazer_tui.fleet.live.fleet import LiveFleet

            return LiveFleet(self._options(context))
        except InvalidInputError as error:
            raise SettingsError(str(error)) from None

    def _options(self, context: FleetContext | None) -> LiveOptions:
        from earthgazer_tui.fleet.live.options import LiveOptions

        start = self._start
        if context is None:
            return LiveOptions(
                broker_url=start.broker,
                database_url=start.database,
                app=start.app,
                state_dir=start.state_dir,
                read_only=start.is_read_only,
                refresh_hz=start.refresh_hz,
                detach=start.is_detached,
            )
        # Passwords as the environment has them now, not when the file was read.
        context = context.with_passwords()
        return LiveOptions(
            broker_url=context.broker,
            database_url=context.database,
            result_backend=context.result_backend,
            app=context.app,
            context=context.name,
            state_dir=context.state_dir,
            read_only=context.is_read_only or start.is_read_only,
            refresh_hz=start.refresh_hz,
            detach=start.is_detached,
        )


def _path() -> Path:
    from earthgazer_core.contexts import contexts_path

    return contexts_path()
