"""Keys in the order in which they were typed, however quickly."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final, Generic

from textual.app import App, ReturnType
from textual.events import Event, Key, Paste
from textual.message_pump import MessagePump

from earthgazer_tui.key_names import is_printable
from earthgazer_tui.terminal.key_parser import BehindEscape

_LOST_S: Final = 0.1
"""What went to a widget that has gone since never comes back; it is waited for no longer."""
_HELD_UP_S: Final = 3.0
"""Nor is a widget that is busy for so long: keys that lead away from it must be heard."""


class _Behind(Event, bubble=True, verbose=True):
    """Follows a key through the same queues, and comes back also where a widget kept the key."""


class KeyOrderApp(App[ReturnType], Generic[ReturnType]):
    """Takes the next key once the one before has come back and has done what it does.

    Textual forwards a key to the focused widget, from which it comes back through one queue after the
    other. A key with priority, such as the digits of the screens, is handled at once: it would overtake, and
    an upper-case key typed right before a digit would act on the screen that the digit shows. Nor would a
    dialog take a digit that overtakes the key that closes it, however long its queue is: that one was lost.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._typed: deque[Event] = deque()
        self._under_way: tuple[Event, ...] = ()
        self._target: MessagePump | None = None
        self._forwarded_at = 0.0
        self._is_handled = self._is_timed = False

    async def on_event(self, event: Event) -> None:
        """Handle an event; a key only when it is its turn."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            self._typed.append(event)
            await self._take_typed()
            return
        if not isinstance(event, _Behind):
            await super().on_event(event)
        if event in self._under_way:
            self._under_way = ()
            await self._take_typed()

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        """Do what a key is bound to, and note whether it was anything."""
        self._is_handled = await super()._check_bindings(key, priority)
        return self._is_handled

    async def _take_typed(self) -> None:
        while self._typed and not self._is_under_way():
            event = self._typed.popleft()
            if isinstance(event, BehindEscape):
                self._typed.extendleft(reversed(self._keys_of(event)))
                continue
            # What a line of text takes does not come back.
            is_taken = isinstance(event, Paste) or self._is_for_text(event)
            self._is_handled = False
            target = self.focused or self.screen
            await super().on_event(event)
            if not is_taken and not self._is_handled:
                behind = _Behind()
                self._under_way = (event, behind)
                self._target = target
                self._forwarded_at = time.monotonic()
                target.post_message(behind)
        if self._typed and not self._is_timed:
            self._is_timed = True
            self.set_timer(1.2 * _LOST_S, self._look_again, name="typed")

    async def _look_again(self) -> None:
        self._is_timed = False
        await self._take_typed()

    def _is_under_way(self) -> bool:
        if not self._under_way:
            return False
        passed_s = time.monotonic() - self._forwarded_at
        is_there = self._target is not None and self._target.is_running and self._target.is_attached
        return passed_s < (_HELD_UP_S if is_there else _LOST_S)

    def _keys_of(self, event: BehindEscape) -> tuple[Key, ...]:
        if any(event.key in bindings.key_to_bindings for _, bindings in self.screen._binding_chain):
            return (Key(event.key, event.character),)
        if event.meant is not None and self._is_for_text(Key("a", "a")):
            return (Key(event.meant, None),)
        return event.parts()

    def _is_for_text(self, event: Event) -> bool:
        if not isinstance(event, Key) or self.focused is None:
            return False
        return self.focused.check_consume_key(event.key, "a" if is_printable(event.key) else None)
