"""Commands on periodic tasks."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.commands.command import Command, FleetCommand
from earthgazer_tui.commands.question import Prompt, Question
from earthgazer_tui.fleet.models import ActionResult, PeriodicTask
from earthgazer_tui.fleet.protocol import Fleet
from earthgazer_tui.wording import counted, seconds_of


def _names(entries: Sequence[PeriodicTask]) -> list[str]:
    return [entry.name for entry in entries]


def _describe(entry: PeriodicTask) -> str:
    return f"{entry.name}  {entry.timing}  {'on' if entry.is_enabled else 'off'}"


class OpenLastRun(Command):
    """Open the task that was sent last for the entry under the cursor."""

    id = "schedule.open"
    key = "o"
    title = "Last run"
    action = "open_row"
    key_display = "enter"


class RunScheduled(FleetCommand[PeriodicTask]):
    """Send the task of the marked entries, or of the one under the cursor, now; their next runs stay."""

    id = "schedule.run"
    key = "U"
    title = "Run now"

    async def ask(self, fleet: Fleet, subjects: Sequence[PeriodicTask]) -> Question | None:
        """Ask above one entry, and where it is switched off."""
        if len(subjects) < 2 and all(entry.is_enabled for entry in subjects):
            return None
        off = sum(not entry.is_enabled for entry in subjects)
        return Question(
            title=f"Run {counted(len(subjects), 'periodic task')} now?",
            lines=tuple(_describe(entry) for entry in subjects),
            note=f"{off} switched off: sent once all the same, and stays off." if off else "",
            yes="Run",
            is_destructive=False,
        )

    async def run(self, fleet: Fleet, subjects: Sequence[PeriodicTask]) -> ActionResult:
        """Send them."""
        return await fleet.run_scheduled(_names(subjects))


class ToggleScheduled(FleetCommand[PeriodicTask]):
    """Switch the marked entries, or the one under the cursor, off, or on again where all are off."""

    id = "schedule.toggle"
    key = "T"
    title = "On/off"

    async def ask(self, fleet: Fleet, subjects: Sequence[PeriodicTask]) -> Question | None:
        """Ask above one entry."""
        if len(subjects) < 2:
            return None
        word = "on" if self._is_to_enable(subjects) else "off"
        return Question(
            title=f"Switch {len(subjects)} periodic tasks {word}?",
            lines=tuple(_describe(entry) for entry in subjects),
            note="What was due while off is not made up for.",
            yes=f"Switch {word}",
            is_destructive=word == "off",
        )

    async def run(self, fleet: Fleet, subjects: Sequence[PeriodicTask]) -> ActionResult:
        """Switch them."""
        return await fleet.switch_scheduled(_names(subjects), is_enabled=self._is_to_enable(subjects))

    @staticmethod
    def _is_to_enable(entries: Sequence[PeriodicTask]) -> bool:
        return not any(entry.is_enabled for entry in entries)


class ChangeInterval(FleetCommand[PeriodicTask]):
    """Give the marked entries, or the one under the cursor, an interval of their own, or the code's again."""

    id = "schedule.interval"
    key = "I"
    title = "Interval"

    def prompt(self, subjects: Sequence[PeriodicTask]) -> Prompt | None:
        """Ask for the interval."""
        entry = subjects[0]
        whose = entry.name if len(subjects) == 1 else f"{len(subjects)} periodic tasks"
        return Prompt(
            title=f"How often should {whose} run?",
            lines=tuple(_timings(entry) for entry in subjects),
            value=f"{entry.interval_s:g}" if entry.interval_s is not None else "",
            hint="90, 15m, 2h or 1d; 0 or nothing: as the code says",
            check=_complaint,
        )

    async def run(self, fleet: Fleet, subjects: Sequence[PeriodicTask]) -> ActionResult:
        """Change it."""
        seconds = seconds_of(self.typed) if self.typed.strip() else 0.0
        return await fleet.set_interval(_names(subjects), seconds or None)


def _timings(entry: PeriodicTask) -> str:
    by_code = f"; by the code {entry.code_timing}" if entry.is_changed else ""
    return f"{entry.name}: {entry.timing}{by_code}"


def _complaint(text: str) -> str:
    """Return why that is no interval; empty where it is one."""
    try:
        seconds = seconds_of(text) if text.strip() else 0.0
    except ValueError as error:
        return str(error)
    if seconds and not 1 <= seconds <= 366 * 86400:
        return "between 1 s and a year, or 0 for what the code says"
    return ""
