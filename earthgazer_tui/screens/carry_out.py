"""How a fleet command is carried out: refusal, choice, dry run, deed, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from textwrap import shorten
from types import MappingProxyType
from typing import Any, Literal

from textual.screen import Screen

from earthgazer_tui.commands.command import FleetCommand
from earthgazer_tui.commands.question import Question, RetryQuestion
from earthgazer_tui.fleet.errors import FleetError, UnsureError
from earthgazer_tui.fleet.models import ActionResult
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.key_hints import with_keys
from earthgazer_tui.screens.choose import Choose
from earthgazer_tui.screens.confirm import Confirm
from earthgazer_tui.screens.listening import run_listening
from earthgazer_tui.screens.prompt import PromptDialog
from earthgazer_tui.screens.replies import Replies
from earthgazer_tui.screens.retry_dialog import RetryDialog
from earthgazer_tui.screens.retry_progress import run_bulk

REPLIES_IN_TOAST = 3
"""Up to so many workers' answers fit into a notification."""

TOAST_WIDTH = 60
"""Characters of one answer in a notification; the audit has all of it."""


async def carry_out(
    screen: Screen[Any],
    fleet: Fleet,
    command: FleetCommand[Any],
    subjects: Sequence[Any],
    argument: str = "",
    keys: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """Carry out a command and tell the operator what became of it; must run in a worker.

    Args:
        screen: Where it was asked for.
        fleet: The fleet that does it.
        command: The command.
        subjects: Rows chosen at the moment of the key press.
        argument: What would be asked for otherwise; empty where it is to be asked for.
        keys: Keys that the operator chose, by the ids of commands.

    Returns:
        Whether anything was done.
    """
    app = screen.app
    if command.needs_subject and not subjects:
        screen.notify("Nothing is chosen.", title=command.title, severity="warning", markup=False)
        return False
    refusal = command.refusal(subjects)
    if refusal:
        screen.notify(with_keys(refusal, keys), title=command.title, severity="warning", markup=False)
        return False
    command.typed = argument
    if command.options:
        chosen = await _choose(screen, command, argument)
        if chosen is None:
            return False
        subjects = (chosen,)
        argument = ""
    prompt = command.prompt(subjects)
    if prompt is not None:
        complaint = prompt.check(argument) if argument else ""
        if complaint:
            screen.notify(complaint, title=command.title, severity="warning", markup=False)
            return False
        typed: str | None = argument or None
        if typed is None:
            typed = await app.push_screen_wait(PromptDialog(prompt))
        if typed is None:
            return False
        command.typed = typed
    try:
        question = _with_what_is_left(command, await command.ask(fleet, subjects))
        if question is not None:
            question = replace(question, note=with_keys(question.note, keys))
        if isinstance(question, RetryQuestion):
            answer = await app.push_screen_wait(RetryDialog(question))
            if answer is None:
                return False
            command.answer = answer
        elif question is not None and not await app.push_screen_wait(Confirm(question)):
            return False
        order = command.bulk()
        if order is not None:
            await run_bulk(screen, fleet, command.title, order)
            return True
        if command.awaited(subjects):
            await run_listening(
                screen, fleet, command, subjects, lambda outcome: _tell_late(screen, command, outcome)
            )
            return True
        told: list[ActionResult] = []

        def tell(done: ActionResult) -> None:
            told.append(done)
            _notify(screen, command, done)

        command.on_done = tell
        result = await command.run(fleet, subjects)
    except FleetError as error:
        screen.notify(str(error), title=command.title, severity=severity_of(error), timeout=8, markup=False)
        return False
    if not told:
        await _tell(screen, command, result)
    return True


def _tell_late(screen: Screen[Any], command: FleetCommand[Any], outcome: ActionResult | FleetError) -> None:
    """Tell what became of a command whose dialog was closed, wherever the operator is by now."""
    is_ok = isinstance(outcome, ActionResult) and outcome.is_ok
    severity = severity_of(outcome) if isinstance(outcome, FleetError) else "error"
    screen.app.notify(
        outcome.summary if isinstance(outcome, ActionResult) else str(outcome),
        title=command.title,
        severity="information" if is_ok else severity,
        timeout=8,
        markup=False,
    )


def severity_of(error: FleetError) -> Literal["warning", "error"]:
    """Return how loudly an error is told: what may have been done is no failure."""
    return "warning" if isinstance(error, UnsureError) else "error"


async def _choose(screen: Screen[Any], command: FleetCommand[Any], argument: str) -> str | None:
    """Return the value of one of a command's options: the one of that name, or as the operator chooses."""
    if not argument:
        return await screen.app.push_screen_wait(Choose(command.help(), command.options))
    for option in command.options:
        if argument.lower() in (option.value.lower(), option.key):
            return option.value
    known = ", ".join(option.value for option in command.options)
    screen.notify(f"{argument!r} is none of {known}", title=command.title, severity="warning", markup=False)
    return None


def _with_what_is_left(command: FleetCommand[Any], question: Question | None) -> Question | None:
    """Return the question with a note where all that matches was marked but only what is loaded is meant."""
    matching = command.matching
    if question is None or matching is None or command.does_all_matching:
        return question
    more = "others" if matching.total is None else f"{matching.total - matching.loaded} others"
    note = f"Only the {matching.loaded} that are loaded; {more} match and stay as they are."
    return replace(question, note=f"{note} {question.note}".rstrip())


async def _tell(screen: Screen[Any], command: FleetCommand[Any], result: ActionResult) -> None:
    """Show an outcome: in a notification, or in a dialog where workers had more to say."""
    must_list = len(result.replies) > REPLIES_IN_TOAST or any(not reply.is_ok for reply in result.replies)
    if must_list and not result.is_ok:
        await screen.app.push_screen_wait(Replies(command.title, result))
    else:
        _notify(screen, command, result)


def _notify(screen: Screen[Any], command: FleetCommand[Any], result: ActionResult) -> None:
    lines = [result.summary]
    if len(result.replies) <= REPLIES_IN_TOAST:
        lines += [
            f"{reply.worker}: {shorten(reply.text, TOAST_WIDTH, placeholder='…')}" for reply in result.replies
        ]
    screen.notify(
        "\n".join(lines),
        title=command.title,
        severity="information" if result.is_ok else "error",
        timeout=5 if result.is_ok else 8,
        markup=False,
    )
