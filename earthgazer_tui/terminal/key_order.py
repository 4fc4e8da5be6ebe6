"""Keys in the order in which they were typed, however quickly."""

from __future__ import annotations

import time
from typing import Final, Generic

from textual.app import App, ReturnType

from earthgazer_tui.key_names import is_printable

_UNDER_WAY_S: Final = 0.25
"""A key that a line of text took never comes back; it is waited for no longer."""


class KeyOrderApp(App[ReturnType], Generic[ReturnType]):
    """Lets no key overtake the one before it.

    Textual forwards a key to the focused widget, from which it comes back through one queue after the
    other. A key with priority, such as the digits of the screens, is handled at once: it would overtake, and
    an upper-case key typed right before a digit would act on the screen that the digit shows.
    """

    _under_way = 0
    _forwarded_at = 0.0

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        """Do what a key is bound to; Textual calls this as a key comes, and again as it comes back."""
        if self.focused is not None and self.focused.check_consume_key(
            key, "a" if is_printable(key) else None
        ):
            # What is typed into a line of text does not come back.
            return await super()._check_bindings(key, priority)
        if priority:
            is_behind_another = self._under_way and time.monotonic() - self._forwarded_at < _UNDER_WAY_S
            if not is_behind_another:
                self._under_way = 0
                if await super()._check_bindings(key, priority=True):
                    return True
            self._under_way += 1
            self._forwarded_at = time.monotonic()
            return False
        self._under_way = max(0, self._under_way - 1)
        # One with priority that was held back comes by here like any other.
        return await super()._check_bindings(key) or await super()._check_bindings(key, priority=True)
