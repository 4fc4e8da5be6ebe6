"""The command line: from what was typed to a command and its argument, and how it could go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from earthgazer_tui.commands.command import Command, FleetCommand


class LineError(ValueError):
    """A line that says nothing; its message says what would be right."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a line says."""

    command: type[Command]
    """The command."""
    argument: str = ""
    """What it is given; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Completion:
    """How a line could go on."""

    line: str
    """The whole line."""
    shown: str
    """What the list says, the command's name or an argument."""
    help: str
    """What that is."""


def names_of(command: type[Command]) -> tuple[str, ...]:
    """Return the names of a command, the one to show first: aliases, the id's last part, title, id."""
    title = "-".join(command.title.lower().replace("/", " ").split())
    return tuple(dict.fromkeys([*command.aliases, command.id.rpartition(".")[2], title, command.id]))


def takes_argument(command: type[Command]) -> bool:
    """Return whether anything may stand behind a command's name."""
    if command.argument:
        return True
    if not issubclass(command, FleetCommand):
        return False
    return bool(command.options) or command.prompt is not FleetCommand.prompt


def needs_argument(command: type[Command]) -> bool:
    """Return whether a command can't be done without its argument."""
    return bool(command.argument) and not command.argument.startswith("[")


def parse(line: str, commands: Sequence[type[Command]], hidden: Sequence[type[Command]] = ()) -> Entry:
    """Return what a line says.

    Args:
        line: A name, or its beginning where that is enough to tell and changes nothing; then an argument.
        commands: Commands that can be used, the more important first.
        hidden: Commands that can't be used since the console is read-only.

    Raises:
        LineError: the line names no command, or its argument is missing or too much.
    """
    name, _, argument = line.strip().removeprefix(":").partition(" ")
    argument = argument.strip()
    if not name:
        raise LineError("nothing was typed")
    command = _named(name.lower(), commands, has_argument=bool(argument))
    if command is None:
        raise LineError(_unknown(name.lower(), commands, hidden))
    if argument and not takes_argument(command):
        raise LineError(f":{name} takes nothing behind it")
    if needs_argument(command) and not argument:
        raise LineError(f":{name} needs {command.argument}")
    return Entry(command, argument)


def complete(
    line: str, commands: Sequence[type[Command]], choices: Callable[[type[Command]], Sequence[str]]
) -> list[Completion]:
    """Return how a line could go on, the more important first.

    Args:
        line: What was typed so far.
        commands: Commands that can be used, the more important first.
        choices: Returns the arguments that are known for a command.
    """
    name, space, typed = line.lstrip().partition(" ")
    if space:
        command = _named(name.lower(), commands, has_argument=True)
        if command is None or not takes_argument(command):
            return []
        head, _, word = typed.rpartition(" ")
        before = f"{name} {head} " if head else f"{name} "
        return [
            Completion(before + choice, choice, "")
            for choice in choices(command)
            if choice.lower().startswith(word.lower().lstrip()) and choice != word
        ]
    return list(_names_beginning(name.lower(), commands))


def _names_beginning(typed: str, commands: Sequence[type[Command]]) -> Iterator[Completion]:
    seen: set[str] = set()
    for is_start in (True, False):
        for command in commands:
            for name in names_of(command):
                if command.id in seen or name in seen or name == command.id != typed:
                    continue
                if name.startswith(typed) if is_start else typed in name:
                    seen |= {command.id, name}
                    shown = f"{name} {command.argument}".rstrip()
                    yield Completion(name + " " * takes_argument(command), shown, command.help())
                    break


def _named(
    name: str, commands: Sequence[type[Command]], *, has_argument: bool = False
) -> type[Command] | None:
    """Return the command of a name; of its beginning, if only one has that and it changes nothing.

    Of several with that name the first is meant that fits whether there is an argument.
    """
    found = [command for command in commands if name in names_of(command)]
    fitting = [one for one in found if (takes_argument(one) if has_argument else not needs_argument(one))]
    if found:
        return (fitting or found)[0]
    begun = [command for command in commands if any(one.startswith(name) for one in names_of(command))]
    return begun[0] if len(begun) == 1 and not begun[0].changes_world else None


def _unknown(name: str, commands: Sequence[type[Command]], hidden: Sequence[type[Command]]) -> str:
    if _named(name, hidden) or any(name in names_of(command) for command in hidden):
        return f":{name} changes the world, and this console is read-only"
    begun = [names_of(command)[0] for command in commands if names_of(command)[0].startswith(name)]
    if begun:
        return f":{name} may be " + ", ".join(f":{one}" for one in begun[:4])
    known = [one for command in commands for one in names_of(command)]
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"no command :{name} here" + (f"; the nearest is :{near[0]}" if near else "; ? lists all")
