"""Keys in the order in which they were typed, however quickly."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final, Generic

from textual.app import App, ReturnType
from textual.events import Event, Key, Paste

from earthgazer_tui.key_names import is_printable

_UNDER_WAY_S: Final = 0.1
"""A key that some widget kept for itself never comes back; it is waited for no longer."""


class KeyOrderApp(App[ReturnType], Generic[ReturnType]):
    """Takes the next key once the one before has come back and has done what it does.

    Textual forwards a key to the focused widget, from which it comes back through one queue after the
    other. A key with priority, such as the digits of the screens, is handled at once: it would overtake, and
    an upper-case key typed right before a digit would act on the screen that the digit shows.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._typed: deque[Event] = deque()
        self._forwarded_at: float | None = None
        self._is_handled = False

    async def on_event(self, event: Event) -> None:
        """Handle an event; a key only when it is its turn."""
        if not isinstance(event, Key | Paste):
            await super().on_event(event)
        elif event.is_forwarded:
            await super().on_event(event)
            self._forwarded_at = None
            await self._take_typed()
        else:
            self._typed.append(event)
            await self._take_typed()

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        """Do what a key is bound to, and note whether it was anything."""
        self._is_handled = await super()._check_bindings(key, priority)
        return self._is_handled

    async def _take_typed(self) -> None:
        while self._typed and not self._is_under_way():
            event = self._typed.popleft()
            # What a line of text takes does not come back.
            is_taken = isinstance(event, Paste) or self._is_for_text(event)
            self._is_handled = False
            await super().on_event(event)
            if not is_taken and not self._is_handled:
                self._forwarded_at = time.monotonic()
                self.set_timer(1.2 * _UNDER_WAY_S, self._take_typed)

    def _is_under_way(self) -> bool:
        return self._forwarded_at is not None and time.monotonic() - self._forwarded_at < _UNDER_WAY_S

    def _is_for_text(self, event: Event) -> bool:
        if not isinstance(event, Key) or self.focused is None:
            return False
        return self.focused.check_consume_key(event.key, "a" if is_printable(event.key) else None)
