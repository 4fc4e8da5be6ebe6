"""Looking at another fleet."""

from __future__ import annotations

from earthgazer_tui.commands.command import Command


class SwitchContext(Command):
    """Look at another fleet of the config file; this one is let go."""

    id = "app.context"
    key = "c"
    title = "Context"
    action = "app.switch_context"
    in_footer = False
    aliases = ("ctx", "contexts")
    argument = "[NAME]"
