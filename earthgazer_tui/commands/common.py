"""Commands that every screen has."""

from __future__ import annotations

from typing import ClassVar

from earthgazer_tui.commands.command import Command
from earthgazer_tui.commands.contexts import SwitchContext


class Filter(Command):
    """Show only rows that match words; `esc` in the empty line ends it."""

    id = "view.filter"
    key = "slash"
    title = "Filter"
    action = "filter"
    key_display = "/"
    argument = "[FILTER]"
    comes_first = True


class Refresh(Command):
    """Ask the fleet again at once."""

    id = "view.refresh"
    key = "ctrl+r"
    title = "Refresh"
    action = "refresh_now"
    in_footer = False


class Freeze(Command):
    """Freeze the view, or let it go on."""

    id = "view.freeze"
    key = "p"
    title = "Freeze"
    action = "freeze"
    in_footer = False


class Copy(Command):
    """Copy what is under the cursor to the terminal's clipboard (OSC 52)."""

    id = "view.copy"
    key = "y"
    title = "Copy"
    action = "copy"
    in_footer = False


class Export(Command):
    """Write the marked rows of the table, or all, to a file: CSV or JSON, by the end of its name."""

    id = "view.export"
    key = "e"
    title = "Export"
    action = "export"
    in_footer = False
    argument = "[csv|json|FILE]"
    choices = ("csv", "json")


class Sort(Command):
    """Sort the table by a column, `-` before it turns the order round, `none` is the order as given."""

    id = "view.sort"
    title = "Sort"
    action = "sort_by"
    in_footer = False
    argument = "[COLUMN]"


class OpenLine(Command):
    """Type a command by its name; tab completes, up and down go through what was typed before."""

    id = "view.command-line"
    key = "colon"
    title = "Command"
    action = "open_line"
    comes_first = True


class GoToTask(Command):
    """Open a task by its id, or by the beginning of it."""

    id = "go.task"
    title = "Go to task"
    action = "go_to_task"
    in_footer = False
    argument = "TASK-ID"


class GoToRun(Command):
    """Open a workflow run by its id."""

    id = "go.run"
    title = "Go to run"
    action = "go_to_run"
    in_footer = False
    argument = "RUN-ID"


class GoToCapture(Command):
    """Open a capture by its number."""

    id = "go.capture"
    title = "Go to capture"
    action = "go_to_capture"
    in_footer = False
    argument = "NUMBER"


class Back(Command):
    """Go back to the screen before."""

    id = "view.back"
    key = "escape"
    title = "Back"
    action = "back"
    key_display = "esc"


class Palette(Command):
    """Find any command by its name."""

    id = "app.palette"
    key = "ctrl+p"
    title = "Palette"
    action = "app.command_palette"
    in_footer = False


class Help(Command):
    """Show all keys of this screen."""

    id = "app.help"
    key = "question_mark"
    title = "Help"
    action = "help"
    key_display = "?"


class Quit(Command):
    """Quit the console; asks where that would end work in progress."""

    id = "app.quit"
    key = "q,ctrl+q"
    title = "Quit"
    action = "app.leave"
    key_display = "q"
    aliases = ("quit", "q")


COMMON: tuple[type[Command], ...] = (
    Refresh,
    Freeze,
    Copy,
    Export,
    Sort,
    GoToTask,
    GoToRun,
    GoToCapture,
    SwitchContext,
    Palette,
    OpenLine,
    Help,
    Quit,
)
"""In the order of the help."""


class ModeCommand(Command):
    """Base of the commands that show one of the main screens."""

    mode: ClassVar[str]
    """Textual's name of the mode."""
    short: ClassVar[str]
    """Its title in four letters or less, for narrow terminals."""
    in_footer = False
    comes_first = True

    def __init_subclass__(cls) -> None:
        cls.id = f"mode.{cls.mode}"
        cls.action = f"app.switch_mode({cls.mode!r})"


class ShowOverview(ModeCommand):
    """Is it fine? Depths, workers, rates and alerts in one look."""

    mode = "overview"
    key = "1"
    title = "Overview"
    short = "Over"


class ShowCaptures(ModeCommand):
    """Captures and how far each has come; freshness of each location."""

    mode = "captures"
    key = "2"
    title = "Captures"
    short = "Capt"


class ShowQueues(ModeCommand):
    """What waits where, who consumes it and how long it will take."""

    mode = "queues"
    key = "3"
    title = "Queues"
    short = "Queu"


class ShowWorkflows(ModeCommand):
    """Runs of workflows as trees, steps yet to come included."""

    mode = "workflows"
    key = "4"
    title = "Workflows"
    short = "Flow"


class ShowFailed(ModeCommand):
    """Failed tasks: why, with which arguments, and retry."""

    mode = "failed"
    key = "5"
    title = "Failed"
    short = "Fail"


class ShowWorkers(ModeCommand):
    """Workers: pools, load, what runs on them."""

    mode = "workers"
    key = "6"
    title = "Workers"
    short = "Work"


class ShowTasks(ModeCommand):
    """Tasks in any state as they come and go, with a filter."""

    mode = "tasks"
    key = "7"
    title = "Tasks"
    short = "Task"


class ShowSchedule(ModeCommand):
    """Periodic tasks: when they ran and will run, switched on or off."""

    mode = "schedule"
    key = "8"
    title = "Schedule"
    short = "Sche"


class ShowHistory(ModeCommand):
    """What ran over a span of time: counts, failures, run and wait times; and who did what."""

    mode = "history"
    key = "9"
    title = "History"
    short = "Hist"


class ShowDoctor(ModeCommand):
    """What is wrong with the fleet, with evidence and what mends it."""

    mode = "doctor"
    key = "0"
    title = "Doctor"
    short = "Doct"


MODES: tuple[type[ModeCommand], ...] = (
    ShowOverview,
    ShowCaptures,
    ShowQueues,
    ShowWorkflows,
    ShowFailed,
    ShowWorkers,
    ShowTasks,
    ShowSchedule,
    ShowHistory,
    ShowDoctor,
)
"""In the order of their keys."""
