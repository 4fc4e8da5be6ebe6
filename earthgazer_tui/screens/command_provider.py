"""Finds commands of the active screen by their names and help."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from earthgazer_tui.commands.command import Command
from earthgazer_tui.screens.base import FleetScreen


class CommandProvider(Provider):
    """Offers exactly the commands whose keys work: a read-only console's palette changes nothing either."""

    async def discover(self) -> Hits:
        """Offer all commands before anything is typed."""
        screen = self.screen
        if isinstance(screen, FleetScreen):
            for command in screen.commands:
                yield DiscoveryHit(
                    command.title,
                    partial(screen.action_command, command.id),
                    help=_help(command, screen.session.keys),
                )

    async def search(self, query: str) -> Hits:
        """Offer the commands that match what is typed."""
        screen = self.screen
        if not isinstance(screen, FleetScreen):
            return
        matcher = self.matcher(query)
        for command in screen.commands:
            score = max(matcher.match(command.title), 0.5 * matcher.match(command.help()))
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(command.title),
                    partial(screen.action_command, command.id),
                    text=command.title,
                    help=_help(command, screen.session.keys),
                )


def _help(command: type[Command], keys: Mapping[str, str]) -> str:
    """Return a command's key in force and its help."""
    return f"{command.shown_key(keys)} · {command.help()}"
