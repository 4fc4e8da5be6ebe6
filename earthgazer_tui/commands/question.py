"""What to ask an operator before something is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A yes-or-no question with the dry run of what would be done."""

    title: str
    """What is asked, ``Revoke 3 tasks?``."""
    lines: tuple[str, ...] = ()
    """What would happen to what, one item a line."""
    note: str = ""
    """What to know before one says yes; may be empty."""
    yes: str = "Yes"
    """What the button that does it says."""
    is_destructive: bool = True
    """Whether the cautious answer is the one at hand."""


@dataclass(frozen=True, slots=True)
class RetryQuestion(Question):
    """A question about a retry, which also asks how and how fast."""

    copy_lines: tuple[str, ...] = ()
    """The dry run as copies; empty where there is nothing to choose."""
    asks_rate: bool = False
    """Whether there is more than one, so that a rate makes sense."""


@dataclass(frozen=True, slots=True)
class RetryAnswer:
    """How a retry is wanted."""

    copy: bool = False
    """Whether under new ids."""
    rate: str = ""
    """``5/s``; empty for as fast as it goes."""


@dataclass(frozen=True, slots=True)
class Option:
    """One of several answers."""

    key: str
    """Key that chooses it, and its identity."""
    value: str
    """What the command gets."""
    title: str
    """What it says."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question that is answered with a line of text."""

    title: str
    """What is asked."""
    lines: tuple[str, ...]
    """What it is about, one item a line."""
    value: str
    """What stands there to begin with."""
    hint: str
    """What can be answered."""
    check: Callable[[str], str]
    """Returns what is wrong with an answer; empty where it will do."""
