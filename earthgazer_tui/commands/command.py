"""The base of all commands: one class is key, footer, palette entry, help and confirmation at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding

from earthgazer_tui.commands.question import Option, Prompt, Question, RetryAnswer
from earthgazer_tui.fleet.models import ActionResult, Reply, RetryOrder
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.key_names import key_name

Subject = TypeVar("Subject")


class Command:
    """Something that an operator can do; the first line of a subclass's docstring is its help."""

    id: ClassVar[str]
    """Identity, ``task.retry``; users can rebind keys by it."""
    key: ClassVar[str] = ""
    """Key, or several with commas between; empty for what is done from command line and palette alone."""
    title: ClassVar[str]
    """What footer and palette say."""
    action: ClassVar[str] = ""
    """Action of Textual that does it, on the screen unless it names another; empty for fleet commands."""
    changes_world: ClassVar[bool] = False
    """Whether anything but the view changes; such commands are removed by ``--read-only``."""
    only_in_replay: ClassVar[bool] = False
    """Whether it goes through a recording, and a fleet that is alive hasn't got it."""
    only_embedded: ClassVar[bool] = False
    """Whether it works on an embedded stack alone; with other fleets it says so, and the footer lacks it."""
    only_own: ClassVar[bool] = False
    """Whether it works on EarthGazer's own fleets alone; with others it says so, and the footer lacks it."""
    in_footer: ClassVar[bool] = True
    """Whether the footer shows it."""
    key_display: ClassVar[str | None] = None
    """How to show the key where its name isn't what is printed on it."""
    comes_first: ClassVar[bool] = False
    """Whether keys typed right behind it, before its change is seen, are meant for what it leads to."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Its names in the command line, beside its id, the last part of that, and its title."""
    argument: ClassVar[str] = ""
    """What its name takes in the command line, ``ID``, or ``[ID]`` where that may be left out.

    A view command's action gets it as its only argument, a fleet command's :attr:`FleetCommand.typed`.
    """
    choices: ClassVar[tuple[str, ...]] = ()
    """Arguments that completion offers; a screen may know more."""

    @classmethod
    def help(cls) -> str:
        """Return its help: the first paragraph of its docstring, on one line."""
        return " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split())

    @classmethod
    def keys(cls, keymap: Mapping[str, str]) -> str:
        """Return its keys in force.

        Args:
            keymap: Keys that the operator chose, by the ids of commands.
        """
        return keymap.get(cls.id, cls.key)

    @classmethod
    def shown_key(cls, keymap: Mapping[str, str] = MappingProxyType({})) -> str:
        """Return the first of its keys as people know it, or its name in the command line.

        Args:
            keymap: Keys that the operator chose, by the ids of commands.
        """
        if cls.id not in keymap and cls.key_display:
            return cls.key_display
        keys = cls.keys(keymap)
        return key_name(keys.split(",")[0]) if keys else f":{(*cls.aliases, cls.id.rpartition('.')[2])[0]}"

    @classmethod
    def binding(cls) -> Binding:
        """Return the key binding that starts it; only for those that have a key."""
        return Binding(
            cls.key,
            f"command({cls.id!r})",
            cls.title,
            show=cls.in_footer,
            key_display=cls.shown_key(),
            priority=cls.comes_first,
            tooltip=cls.help(),
            id=cls.id,
        )


@dataclass(frozen=True, slots=True)
class Matching:
    """All that matches a filter, more than the rows that are loaded."""

    filter_text: str
    """The filter; empty lets everything through."""
    loaded: int
    """How many rows are loaded."""
    total: int | None
    """How many match in all; None where nobody counted."""


class FleetCommand(Command, Generic[Subject]):
    """A command that is carried out by the fleet on the rows that the screen has chosen."""

    changes_world: ClassVar[bool] = True
    needs_subject: ClassVar[bool] = True
    """Whether it works on chosen rows; without any it isn't carried out."""
    options: ClassVar[tuple[Option, ...]] = ()
    """Answers of which one is asked for first; the one chosen becomes the subject, as its value."""

    typed: str = ""
    """What the operator answered to :meth:`prompt`, or gave as the argument in the command line."""
    answer: RetryAnswer = RetryAnswer()
    """What the operator chose in the answer to a :class:`RetryQuestion`."""
    matching: Matching | None = None
    """What the subjects are only a part of, where the operator marked all that matches; else None."""
    does_all_matching: ClassVar[bool] = False
    """Whether it works on :attr:`matching` as a whole; others are done to the rows that are loaded."""

    on_reply: Callable[[Reply], None] | None = None
    """Told of workers' words as they come, where :meth:`awaited` names any."""
    on_done: Callable[[ActionResult], None] | None = None
    """Told what was done where that is known before :meth:`run` returns it, which waits for the audit."""

    def awaited(self, subjects: Sequence[Subject]) -> tuple[str, ...]:
        """Return the workers whose words are shown as they come; none where one notification will do.

        Args:
            subjects: The chosen rows.
        """
        return ()

    def bulk(self) -> RetryOrder | None:
        """Return what is to be done one by one, in the background, in place of :meth:`run`; None for nothing.

        Asked once the operator has said yes.
        """
        return None

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
