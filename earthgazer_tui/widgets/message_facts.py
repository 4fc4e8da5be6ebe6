"""A message in a queue: as cells of a list, in a few lines, and in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from earthgazer_tui.fleet.models import MessageDetail, Place, QueueMessage
from earthgazer_tui.widgets.column import Column
from earthgazer_tui.widgets.queue_cells import coarse, is_too_old
from earthgazer_tui.widgets.task_facts import pretty
from earthgazer_tui.widgets.task_mark import short_task_name
from earthgazer_tui.wording import age, size, utc

_PLACES = {
    Place.HELD: ("held", "$warning"),
    Place.TIMED: ("ETA", "$accent"),
}


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message as listed: what depends on the time of day is worked out once a look."""

    message: QueueMessage
    """The message."""
    when: str
    """Its age, when it may run, or for how long it is held."""
    is_alarming: bool
    """Whether it is about to run twice."""


def message_line(message: QueueMessage, now: datetime) -> MessageLine:
    """Return a message as listed."""
    return MessageLine(message, _when(message, now), _is_alarming(message))


def _when(message: QueueMessage, now: datetime) -> str:
    if message.eta is not None and message.eta > now:
        return age(message.eta, now)
    if message.held_s is not None:
        return f"for {coarse(message.held_s)}"
    return "–" if message.sent_at is None else age(message.sent_at, now)


def _is_alarming(message: QueueMessage) -> bool:
    if message.held_s is None or message.given_back_in_s is None:
        return False
    timeout_s = message.held_s + message.given_back_in_s
    return message.is_eta_too_far or is_too_old(message.held_s, timeout_s)


def _place(line: MessageLine) -> Content:
    message = line.message
    if message.place is Place.WAITING:
        return Content("next" if message.position == 0 else str((message.position or 0) + 1))
    return Content.styled(*_PLACES[message.place])


def _when_cell(line: MessageLine) -> Content:
    return Content.styled(
        f"{line.when}{'!' if line.is_alarming else ''}", "bold $error" if line.is_alarming else ""
    )


def _tries(line: MessageLine) -> Content:
    message = line.message
    sign = "↻" if message.is_redelivered else ""
    return Content.styled(f"{sign}{message.retries or ''}", "$warning")


def _priority(message: QueueMessage) -> str:
    return "–" if message.priority is None else f"p{message.priority}"


MESSAGE_COLUMNS: tuple[Column[MessageLine], ...] = (
    Column("place", "#", 5, _place, align="right"),
    Column("priority", "Pri", 3, lambda line: _priority(line.message)),
    Column(
        "task", "Task", None, lambda line: short_task_name(line.message.name) or "(no task)", min_width=14,
        max_width=34, sort_key=lambda line: line.message.name,
    ),
    Column("when", "Age/ETA", 11, _when_cell, sort_key=lambda line: line.message.sent_at),
    Column("tries", "↻", 3, _tries),
    Column("id", "Id", 8, lambda line: line.message.task_id[:8], priority=1),
    Column("arguments", "Arguments", None, lambda line: line.message.arguments, min_width=16),
)  # fmt: skip


def message_brief(line: MessageLine) -> Content:
    """Return a message in a few lines, for the pane below a list."""
    message = line.message
    then = f"then {' → '.join(map(short_task_name, message.follows))}" if message.follows else ""
    return Content("\n").join(
        [
            Content.assemble((message.name or "(no task)", "bold $primary"), f"  {message.task_id}"),
            _where(line),
            Content(message.arguments)
            if message.arguments
            else Content.styled("no arguments", "$text-muted"),
            Content.assemble((then, "$accent"), "  " if then else "", (message.note, "$text-muted")),
        ]
    )


def _where(line: MessageLine) -> Content:
    message = line.message
    parts = []
    if message.place is Place.WAITING:
        parts.append("next to run" if message.position == 0 else f"{message.position} run before it")
        parts.append(f"priority {message.priority}")
    elif message.place is Place.TIMED:
        parts.append("a worker keeps it until its time")
    else:
        parts.append("a worker holds it: it runs, or is next there")
    if message.eta is not None:
        parts.append(f"not before {utc(message.eta, seconds=True)} UTC")
    if message.expires is not None:
        parts.append(f"expires {utc(message.expires, seconds=True)} UTC")
    if message.sent_at is not None:
        parts.append(f"sent {utc(message.sent_at, seconds=True)} UTC")
    if message.held_s is not None:
        parts.append(f"held for {coarse(message.held_s)}")
    if message.given_back_in_s is not None:
        left = message.given_back_in_s
        parts.append(f"given away in {coarse(left)}" if left > 0 else "given away at any moment")
    if message.is_redelivered:
        parts.append("a worker had it before and did not finish")
    if message.retries:
        parts.append(f"{message.retries} automatic retries")
    warning = ""
    if message.is_eta_too_far:
        warning = "! given away before its time: it will run twice · "
    elif line.is_alarming:
        warning = "! held for more than 80% of the timeout: about to run twice · "
    return Content.assemble((warning, "bold $error"), (" · ".join(parts), "$text-muted"))


def message_facts(detail: MessageDetail, now: datetime) -> Content:
    """Return everything about a message."""
    return Content("\n").join(_facts(detail, now))


def _facts(detail: MessageDetail, now: datetime) -> Iterator[Content]:
    row = detail.row
    if detail.is_gone:
        yield Content.styled("It is no longer there: a worker or another operator took it.", "bold $warning")
    yield _where(message_line(row, now))
    yield Content("")
    yield _heading("Arguments", detail.arguments_from + (f", {row.note}" if row.note else ""))
    yield Content(pretty(detail.args or "–"))
    yield Content(pretty(detail.kwargs or "–"))
    yield Content("")
    yield _heading("What comes after it")
    for name, value in (
        ("next", " → ".join(row.follows)),
        ("if done", ", ".join(detail.links)),
        ("if failed", ", ".join(detail.error_links)),
    ):
        if value:
            yield _fact(name, value)
    if not (row.follows or detail.links or detail.error_links):
        unread = row.place is not Place.WAITING or detail.arguments_from != "message"
        yield Content("  not known: the body was not opened" if unread else "  nothing")
    yield Content("")
    yield _heading("Message")
    for name, value in (
        ("id", row.task_id),
        ("queue", row.queue),
        ("priority", _priority(row)),
        ("parent", detail.parent_id or ""),
        ("root", detail.root_id or ""),
        ("group", detail.group_id or ""),
        ("content", detail.content_type),
        ("size", size(detail.size_bytes)),
    ):
        yield _fact(name, value or "–")
    yield Content("")
    yield _heading("Headers")
    for name, value in detail.headers:
        yield _fact(name, value)


def _fact(name: str, value: str) -> Content:
    return Content.assemble((f"  {name:<10} ", "$text-muted"), value)


def _heading(text: str, note: str = "") -> Content:
    return Content.assemble((text, "bold $primary"), ("  " if note else "", ""), (note, "$text-muted"))
