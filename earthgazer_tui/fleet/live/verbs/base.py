"""How every verb reads and acts: off the event loop, within a time limit, changes guarded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from earthgazer_tui.fleet.errors import ReadOnlyError, UnavailableError
from earthgazer_tui.fleet.live.options import LiveOptions
from earthgazer_tui.fleet.live.runner import Runner
from earthgazer_tui.fleet.live.session import LiveSession
from earthgazer_tui.fleet.models import ActionResult

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

P = ParamSpec("P")
T = TypeVar("T")

READ_S = 12.0
"""Longest wait for a reading from the database."""
COUNT_S = 40.0
"""Longest wait for the history of a long span and for Doctor, which have limits of their own."""
ACT_S = 30.0
"""Longest wait for something that changes the fleet."""


class LiveVerbs:
    """What the verbs of all subjects stand on: one open session.

    Verbs import what they query with when they are called: the first look needs none of it, and once that
    is on the screen :mod:`earthgazer_tui.fleet.live.later` has it imported in a thread.
    """

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._runner = Runner()
        self._session: LiveSession | None = None

    def _open_session(self) -> LiveSession:
        if self._session is None:
            raise UnavailableError("the fleet is not open")
        return self._session

    def _changing(self) -> LiveSession:
        """Return the session for a verb that changes the fleet; every such verb comes through here."""
        if self._options.read_only:
            raise ReadOnlyError("this console was started read-only")
        return self._open_session()

    async def _read(
        self, query: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        reader = self._open_session().reader
        return await self._runner.run(READ_S, partial(reader.read, query, *args, **kwargs))

    async def _act(self, verb: Callable[P, ActionResult], *args: P.args, **kwargs: P.kwargs) -> ActionResult:
        session = self._open_session()
        try:
            return await self._runner.act(ACT_S, verb, *args, **kwargs)
        finally:
            session.look_again()
