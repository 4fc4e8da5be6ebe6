"""The base of all commands: one class is key, footer, palette entry, help and confirmation at once."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding

from earthgazer_tui.commands.question import Option, Prompt, Question
from earthgazer_tui.fleet.models import ActionResult
from earthgazer_tui.fleet.protocol import Fleet

Subject = TypeVar("Subject")


class Command:
    """Something that an operator can do; the first line of a subclass's docstring is its help."""

    id: ClassVar[str]
    """Identity, ``task.retry``; users can rebind keys by it."""
    key: ClassVar[str]
    """Key, or several with commas between."""
    title: ClassVar[str]
    """What footer and palette say."""
    action: ClassVar[str] = ""
    """Action of Textual that does it, on the screen unless it names another; empty for fleet commands."""
    changes_world: ClassVar[bool] = False
    """Whether anything but the view changes; such commands are removed by ``--read-only``."""
    in_footer: ClassVar[bool] = True
    """Whether the footer shows it."""
    key_display: ClassVar[str | None] = None
    """How to show the key where its name isn't what is printed on it."""

    @classmethod
    def help(cls) -> str:
        """Return its help: the first paragraph of its docstring, on one line."""
        return " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split())

    @classmethod
    def shown_key(cls) -> str:
        """Return the first of its keys as people know it."""
        return cls.key_display or cls.key.split(",")[0].replace("ctrl+", "^")

    @classmethod
    def binding(cls) -> Binding:
        """Return the key binding that starts it."""
        return Binding(
            cls.key,
            f"command({cls.id!r})",
            cls.title,
            show=cls.in_footer,
            key_display=cls.shown_key(),
            tooltip=cls.help(),
            id=cls.id,
        )


class FleetCommand(Command, Generic[Subject]):
    """A command that is carried out by the fleet on the rows that the screen has chosen."""

    changes_world: ClassVar[bool] = True
    needs_subject: ClassVar[bool] = True
    """Whether it works on chosen rows; without any it isn't carried out."""
    options: ClassVar[tuple[Option, ...]] = ()
    """Answers of which one is asked for first; the one chosen becomes the subject, as its value."""

    typed: str = ""
    """What the operator answered to :meth:`prompt`."""

    def refusal(self, subjects: Sequence[Subject]) -> str:
        """Return why these can't be worked on; empty where they can.

        Args:
            subjects: The chosen rows as the screen shows them; the fleet checks again when it acts.
        """
        return ""

    def prompt(self, subjects: Sequence[Subject]) -> Prompt | None:
        """Return the line of text to ask for; None where none is needed.

        Args:
            subjects: The chosen rows.
        """
        return None

    async def ask(self, fleet: Fleet, subjects: Sequence[Subject]) -> Question | None:
        """Return what to ask first, with the dry run; None where it may be done at once.

        Args:
            fleet: The fleet, for plans.
            subjects: The chosen rows.
        """
        return None

    async def run(self, fleet: Fleet, subjects: Sequence[Subject]) -> ActionResult:
        """Do it.

        Args:
            fleet: The fleet that does it.
            subjects: The chosen rows.
        """
        raise NotImplementedError
