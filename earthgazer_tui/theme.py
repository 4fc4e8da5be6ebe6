"""Colours of the console: calm, few, and never the only sign of anything."""

from __future__ import annotations

from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="earthgazer",
    primary="#5fafd7",
    secondary="#87afaf",
    accent="#d7af5f",
    success="#87af5f",
    warning="#d7af5f",
    error="#ff5f5f",
    foreground="#d0d0d0",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    dark=True,
    variables={
        "text-muted": "#8a8a8a",
        "foreground-muted": "#8a8a8a",
        "text-disabled": "#585858",
        "foreground-disabled": "#585858",
        "error-muted": "#5f0000",
        "text-error": "#ffafaf",
        "warning-muted": "#5f5f00",
        "text-warning": "#ffffaf",
        "text-accent": "#ffd787",
        "block-cursor-background": "#005f87",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-blurred-background": "#303030",
        "scrollbar": "#444444",
        "scrollbar-background": "#1c1c1c",
    },
)
"""For terminals of 256 colours and more: all of them colours that those of 256 have, too."""

ANSI = replace(
    BUILTIN_THEMES["ansi-dark"],
    name="earthgazer-ansi",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "text-muted": "ansi_default",
        "text-disabled": "ansi_bright_black",
        "block-cursor-blurred-background": "ansi_bright_black",
    },
)
"""The terminal's own colours, for those of 16: the nearest matches of ours would all be black."""


def theme_for(color_system: str | None) -> Theme:
    """Return the theme for a terminal.

    Args:
        color_system: Rich's name of it: ``truecolor``, ``256``, ``standard`` or None.
    """
    return ANSI if color_system in ("standard", "windows") else DARK
