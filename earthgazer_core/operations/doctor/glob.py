"""Patterns of keys as Redis reads them."""

from __future__ import annotations


def glob(text: str) -> str:
    """Return a pattern that matches this text alone."""
    return "".join(f"\\{letter}" if letter in "*?[]^\\" else letter for letter in text)
