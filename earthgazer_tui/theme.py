"""Colours of the console: calm, few, and never the only sign of anything."""

from __future__ import annotations

from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="earthgazer",
    primary="#6cb6c9",
    secondary="#8fa3b8",
    accent="#d7ba7d",
    success="#7fbf7f",
    warning="#d7af5f",
    error="#e06c6c",
    foreground="#d0d4d8",
    background="#101418",
    surface="#161b20",
    panel="#1e252c",
    dark=True,
    variables={
        "text-muted": "#8b97a3",
        "text-disabled": "#5c6873",
        "block-cursor-background": "#2f5d6b",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-blurred-background": "#232b33",
        "scrollbar": "#3a4650",
        "scrollbar-background": "#161b20",
    },
)
"""For terminals of 256 colours and more."""

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
