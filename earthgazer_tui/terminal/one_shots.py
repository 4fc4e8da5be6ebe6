"""Timers that ring once, however late."""

from __future__ import annotations

from functools import wraps
from typing import Any

from textual.message_pump import MessagePump
from textual.timer import Timer


def ring_late_ones() -> None:
    """Let ``set_timer`` of every widget call back also where it is late.

    Textual skips what a timer is late for, also the one call of a one-shot: where another thread held the
    interpreter as it started, it was never called, and a negative delay, as of a toast that is just out of
    time, is computed anew without an end. Textual's own widgets make such timers, so that its method is
    wrapped; doing so again changes nothing.
    """
    if getattr(MessagePump.set_timer, "_rings_late", False):
        return
    set_timer = MessagePump.set_timer

    @wraps(set_timer)
    def punctual(self: MessagePump, *args: Any, **kwargs: Any) -> Timer:
        timer = set_timer(self, *args, **kwargs)
        # Its task has not begun: nothing was awaited since it was made.
        timer._skip = False
        return timer

    punctual._rings_late = True  # type: ignore[attr-defined]
    MessagePump.set_timer = punctual  # type: ignore[method-assign]
