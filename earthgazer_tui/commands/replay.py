"""Commands that go through a recording; a fleet that is alive has none of them."""

from __future__ import annotations

from typing import ClassVar

from earthgazer_tui.commands.command import Command


class ReplayCommand(Command):
    """Base of the commands of a recording."""

    only_in_replay: ClassVar[bool] = True


class ToggleReplay(ReplayCommand):
    """Stop the recording's time, or let it go on; at its end it begins anew."""

    id = "replay.toggle"
    key = "full_stop"
    title = "Play/stop"
    action = "replay_toggle"
    key_display = "."


class SlowerReplay(ReplayCommand):
    """Let the recording's time go slower."""

    id = "replay.slower"
    key = "left_parenthesis"
    title = "Slower"
    action = "replay_speed(-1)"
    key_display = "("
    in_footer = False


class FasterReplay(ReplayCommand):
    """Let the recording's time go faster."""

    id = "replay.faster"
    key = "right_parenthesis"
    title = "Faster"
    action = "replay_speed(1)"
    key_display = ")"


class BackInReplay(ReplayCommand):
    """Go back 10 seconds."""

    id = "replay.back"
    key = "less_than_sign"
    title = "10s back"
    action = "replay_jump(-10)"
    key_display = "<"
    in_footer = False


class ForwardInReplay(ReplayCommand):
    """Go forward 10 seconds."""

    id = "replay.forward"
    key = "greater_than_sign"
    title = "10s on"
    action = "replay_jump(10)"
    key_display = ">"


class FarBackInReplay(ReplayCommand):
    """Go back 10 minutes."""

    id = "replay.far-back"
    key = "left_curly_bracket"
    title = "10m back"
    action = "replay_jump(-600)"
    key_display = "{"
    in_footer = False


class FarForwardInReplay(ReplayCommand):
    """Go forward 10 minutes."""

    id = "replay.far-forward"
    key = "right_curly_bracket"
    title = "10m on"
    action = "replay_jump(600)"
    key_display = "}"
    in_footer = False


class SeekReplay(ReplayCommand):
    """Go to a place in the recording: a time (UTC), a share of it, its start or its end."""

    id = "replay.seek"
    title = "Seek"
    action = "replay_seek"
    in_footer = False
    argument = "TIME|PERCENT|start|end"
    choices = ("start", "end")


REPLAY: tuple[type[Command], ...] = (
    ToggleReplay,
    FasterReplay,
    SlowerReplay,
    ForwardInReplay,
    BackInReplay,
    FarForwardInReplay,
    FarBackInReplay,
    SeekReplay,
)
"""In the order of the help."""
