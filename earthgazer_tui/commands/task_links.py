"""Commands on the tasks linked with another."""

from __future__ import annotations

from earthgazer_tui.commands.command import Command


class NextTaskPart(Command):
    """Go to the tasks before, after and beside this one, or back to the text."""

    id = "task.next-part"
    key = "tab"
    title = "Links"
    action = "next_part"


class OpenLink(Command):
    """Open the linked task under the cursor."""

    id = "task.open-link"
    key = "o"
    title = "Open link"
    action = "open_row"
    key_display = "enter"
    in_footer = False
