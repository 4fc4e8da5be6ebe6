"""A compositor that compares each layout with the one before."""

from __future__ import annotations

from textual import screen
from textual._compositor import Compositor, CompositorMap, ReflowResult
from textual.geometry import Size
from textual.widget import Widget


class PunctualCompositor(Compositor):
    """Paints over what went, and tells what came its size, whoever asked for places meanwhile.

    Textual works a layout out for whoever asks for a widget's place, and compares the next one with that:
    what was removed before the question is never painted over, and what was added is never told its size.
    """

    def __init__(self) -> None:
        super().__init__()
        self._laid_out: CompositorMap = {}

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        """Lay a widget and its children out, and note what differs from how they were laid out last."""
        self._full_map = self._laid_out
        result = super().reflow(parent, size)
        self._laid_out = self._full_map
        return result


def use_punctual_compositor() -> None:
    """Give it to every screen that is made from now on, Textual's own included."""
    screen.Compositor = PunctualCompositor  # type: ignore[attr-defined]
