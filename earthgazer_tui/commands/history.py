"""Commands of the history."""

from __future__ import annotations

from earthgazer_tui.commands.command import Command


class NextHistoryView(Command):
    """Show the next part: by task, by queue, what operators did."""

    id = "history.next-view"
    key = "tab,right"
    title = "View"
    action = "next_view(1)"


class PreviousHistoryView(Command):
    """Show the part before."""

    id = "history.previous-view"
    key = "shift+tab,left"
    title = "View before"
    action = "next_view(-1)"
    in_footer = False


class NextSpan(Command):
    """Look at the next longer span, and after the longest at the shortest."""

    id = "history.span"
    key = "t"
    title = "Span"
    action = "next_span(1, True)"


class ShorterSpan(Command):
    """Look at a shorter span."""

    id = "history.shorter"
    key = "left_square_bracket"
    key_display = "["
    title = "Shorter"
    action = "next_span(-1)"


class LongerSpan(Command):
    """Look at a longer span."""

    id = "history.longer"
    key = "right_square_bracket"
    key_display = "]"
    title = "Longer"
    action = "next_span(1)"


class OtherSpan(Command):
    """Look at a span of any length: 90m, 36h, 45d."""

    id = "history.other-span"
    key = "d"
    title = "Any span"
    action = "other_span"
    aliases = ("span", "last")
    argument = "[SPAN]"
    choices = ("1h", "6h", "24h", "7d", "30d", "90d")


class NextMeasure(Command):
    """Draw the next measure: throughput, failure rate, run time, wait time."""

    id = "history.measure"
    key = "m"
    title = "Measure"
    action = "next_measure"
