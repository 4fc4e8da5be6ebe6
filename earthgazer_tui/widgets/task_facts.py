"""A task in words: why it failed, what it was given, what became of it and what a retry would do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from textual.content import Content

from earthgazer_tui.fleet.models import FailedTry, RetryMode, RetryOffer, StateChange, TaskDetail, TaskRow
from earthgazer_tui.widgets.run_tree import STEP_SIGNS
from earthgazer_tui.wording import span, utc

MOST_SHOWN = 20_000
"""Characters of one text that are shown; ``y`` copies all of them."""
EARLIER_SHOWN = 5
"""Tries that failed before the last that are shown with traceback and log, the newest ones."""
_EARLIER_LINES = 40
"""Lines of the end of such a traceback."""
_LOG_STYLES = {"WARNING": "$warning", "ERROR": "$error", "CRITICAL": "bold $error"}
_LOG_LINE = re.compile(r"(\d\d:\d\d:\d\d) (\w+) (.*)")
_ONE_LINE = 70
"""Characters up to which a literal stays on one line."""
_RETRY_STYLES = {
    RetryMode.IN_PLACE: "bold $success",
    RetryMode.COPY: "bold $warning",
    RetryMode.REFUSED: "bold $error",
}


def task_state(row: TaskRow) -> Content:
    """Return a task's state, sign and word."""
    sign, word, style = STEP_SIGNS.get(row.state, ("?", row.state.lower(), "$warning"))
    return Content.styled(f"{sign} {word}", style)


def error_text(row: TaskRow) -> str:
    """Return why a task is in the list of failed ones, in one line."""
    if row.blocked_by:
        return f"blocked by header {row.blocked_by}"
    if row.error_type:
        return f"{row.error_type}: {row.error_message or ''}".rstrip(": ")
    return row.error_message or row.state.lower()


def task_title(row: TaskRow) -> Content:
    """Return the line on top of a task."""
    return Content.assemble(
        (row.name, "bold"),
        (f"  #{row.capture_id}" if row.capture_id is not None else "", "$accent"),
        "  ",
        task_state(row),
        (f"  attempt {row.attempt}" if row.attempt > 1 else "", "$warning"),
    )


def about(row: TaskRow) -> Content:
    """Return why a task failed and where it ran, for the pane below a list."""
    where = [
        row.worker or "no worker known",
        f"queue {row.queue}" if row.queue else "queue unknown",
        f"ran {span(row.runtime_s)}" if row.runtime_s is not None else "",
        f"{row.retries} automatic retries" if row.retries else "",
        row.task_id,
    ]
    return Content.assemble(
        (error_text(row), "$error" if row.state == "FAILURE" else "$warning"),
        "\n",
        (" · ".join(part for part in where if part), "$text-muted"),
    )


def brief(row: TaskRow) -> Content:
    """Return a task in two lines: what it is and is doing, and where; for the pane below a list."""
    where = [
        row.worker or "no worker yet",
        f"queue {row.queue}" if row.queue else "queue unknown",
        f"ran {span(row.runtime_s)}" if row.runtime_s is not None else "",
        f"{row.retries} automatic retries" if row.retries else "",
        row.task_id,
    ]
    return Content.assemble(
        task_title(row),
        (f"  {error_text(row)}" if row.error_type or row.blocked_by else "", "$error"),
        "\n",
        (" · ".join(part for part in where if part), "$text-muted"),
    )


def task_facts(detail: TaskDetail) -> Content:
    """Return where it ran, arguments, result and timeline."""
    return Content("\n").join(_facts(detail))


def task_error(detail: TaskDetail) -> Content:
    """Return what a retry would do, the error in one line, its traceback, and what was logged before it."""
    row = detail.row
    lines = [retry_line(detail.retry), Content("")]
    if row.state == "FAILURE" or row.error_type or row.blocked_by:
        lines.append(Content.styled(error_text(row), "bold $error"))
    if detail.traceback:
        lines += [Content(""), _heading("Traceback"), traceback_lines(_cut(detail.traceback.rstrip()))]
    if detail.log:
        lines += [Content(""), _heading("Log", "last lines, UTC"), log_lines(detail.log)]
    return Content("\n").join(lines)


def log_lines(log: str) -> Content:
    """Return what a task logged, its warnings and errors coloured."""
    lines: list[Content] = []
    for line in log.split("\n"):
        parts = _LOG_LINE.fullmatch(line)
        if parts is None:
            lines.append(Content(f"  {line}"))
            continue
        at, level, message = parts.groups()
        style = _LOG_STYLES.get(level, "$text-muted")
        lines.append(Content.assemble((f"  {at} ", "$text-muted"), (level, style), Content(f" {message}")))
    return Content("\n").join(lines)


def traceback_lines(traceback: str) -> Content:
    """Return a traceback with colours; letter by letter as it was."""
    # Its lexers are many modules, which nobody needs before something failed.
    from textual.highlight import highlight

    coloured = highlight(traceback, language="pytb")
    return coloured if coloured.plain == traceback else Content(traceback)


def traceback_end(traceback: str, lines: int) -> Content:
    """Return the last lines of a traceback, without the exception itself where there are few."""
    kept = traceback.rstrip().split("\n")
    if lines < len(kept):
        ends = [place for place, line in enumerate(kept) if line.startswith("  ")]
        kept = kept[: ends[-1] + 1] if ends else kept
    return traceback_lines("\n".join(kept[-lines:]))


def copied_text(detail: TaskDetail) -> str:
    """Return what is worth pasting elsewhere: name, id, arguments and traceback."""
    row = detail.row
    parts = [f"{row.name} {row.task_id} {row.state}", f"args: {detail.args}", f"kwargs: {detail.kwargs}"]
    log = ["log (last lines, UTC):", detail.log] if detail.log else []
    return "\n".join([*parts, detail.traceback or error_text(row), *log])


def _facts(detail: TaskDetail) -> Iterator[Content]:
    row = detail.row
    yield _heading("Where")
    for name, value in (
        ("id", row.task_id),
        ("worker", row.worker or "unknown"),
        ("queue", row.queue or "unknown"),
        ("ran", span(row.runtime_s)),
        ("retries", str(row.retries)),
        ("run", row.run_id or "–"),
        ("parent", detail.parent_id or "–"),
        ("root", detail.root_id or "–"),
        ("group", detail.group_id or "–"),
    ):
        yield Content.assemble((f"  {name:<9}", "$text-muted"), value)
    yield Content("")
    source = detail.args_source + (", secrets hidden" if detail.is_redacted else "")
    yield _heading("Arguments", source)
    yield Content(pretty(detail.args))
    yield Content(pretty(detail.kwargs))
    if detail.result:
        yield Content("")
        yield _heading("Result")
        yield Content(pretty(detail.result))
    yield Content("")
    yield _heading("Timeline (UTC)")
    for change in detail.timeline:
        yield _change_line(change)
    if (hidden := len(detail.earlier) - EARLIER_SHOWN) > 0:
        yield Content("")
        more = f"{hidden} tries that failed before these: earthgazer tasks show {row.task_id}"
        yield Content.styled(more, "$text-muted")
    for failed in detail.earlier[-EARLIER_SHOWN:]:
        yield Content("")
        yield from _earlier(failed)


def _earlier(failed: FailedTry) -> Iterator[Content]:
    yield _heading("Earlier try")
    yield _change_line(failed.change)
    if failed.traceback:
        kept = failed.traceback.rstrip().split("\n")
        if len(kept) > _EARLIER_LINES:
            yield Content.styled(f"  … {len(kept) - _EARLIER_LINES} lines before", "$text-muted")
        yield traceback_lines(_cut("\n".join(kept[-_EARLIER_LINES:])))
    if failed.log:
        yield _heading("Log", "last lines, UTC")
        yield log_lines(failed.log)


def _change_line(change: StateChange) -> Content:
    sign, word, style = STEP_SIGNS.get(change.state, ("?", change.state.lower(), "$warning"))
    return Content.assemble(
        (f"  {utc(change.at, seconds=True)}  ", "$text-muted"),
        (f"{sign} {word:<9}", style),
        (f"attempt {change.attempt}  " if change.attempt > 1 else "", "$warning"),
        (change.worker or "", "$text-muted"),
        f"  {change.detail}" if change.detail else "",
    )


def retry_line(offer: RetryOffer) -> Content:
    """Return whether and how a task can be retried."""
    word = "Retry refused" if offer.mode is RetryMode.REFUSED else f"R retries {offer.mode.value}"
    return Content.assemble((word, _RETRY_STYLES[offer.mode]), f": {offer.reason}" if offer.reason else "")


def pretty(text: str) -> str:
    """Return a literal with a member a line where it is long, every token as it was written.

    It is never decoded: an escape in it stays an escape, a number keeps its digits.
    """
    cut = _cut(text)
    if len(cut) > _ONE_LINE and cut[:1] in ("[", "{", "("):
        cut = "".join(_indented(cut))
    return "\n".join(f"  {line}" for line in cut.split("\n"))


def _indented(text: str) -> Iterator[str]:
    """Yield the parts of a literal: members of objects, and of the outermost list, on a line each."""
    broken: list[bool] = []
    quote, is_escaped, is_line_start = "", False, False
    for place, c in enumerate(text):
        if quote:
            quote = "" if c == quote and not is_escaped else quote
            is_escaped = c == "\\" and not is_escaped
            yield c
            continue
        if is_line_start and c == " ":
            continue
        is_line_start = False
        if c in "\"'":
            quote = c
        if c in ")]}" and broken and broken.pop():
            yield "\n" + "  " * sum(broken)
        yield c
        if c in "{[(":
            is_empty = text[place + 1 : place + 2] in ("}", "]", ")")
            broken.append(not is_empty and (c == "{" or not broken))
            is_line_start = broken[-1]
        elif c == ",":
            is_line_start = bool(broken) and broken[-1]
        if is_line_start:
            yield "\n" + "  " * sum(broken)


def _cut(text: str) -> str:
    if len(text) <= MOST_SHOWN:
        return text
    return f"{text[:MOST_SHOWN]}\n… {len(text) - MOST_SHOWN} more characters; y copies all"


def _heading(text: str, note: str = "") -> Content:
    return Content.assemble((text, "bold $primary"), ("  " if note else "", ""), (note, "$text-muted"))
