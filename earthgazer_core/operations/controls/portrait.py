"""All that one worker says of itself, each part as it comes in; no secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from earthgazer_core.operations.controls.facts import TASK_ATTRIBUTES, masked
from earthgazer_core.operations.mailbox import Answer, Mailbox

QUESTIONS: Mapping[str, Mapping[str, Any]] = {
    "stats": {},
    "clock": {},
    "active": {},
    "reserved": {},
    "scheduled": {},
    "active_queues": {},
    "revoked": {},
    "registered": {"taskinfoitems": list(TASK_ATTRIBUTES), "builtins": False},
    "conf": {"with_defaults": True},
    "report": {},
}
"""Celery's commands that only look, with their arguments."""

_SETTING = re.compile(r"^(?P<indent>\s*)(?P<name>\w+): (?P<value>.+)$")


def portrait(
    mailbox: Mailbox,
    worker: str,
    questions: Sequence[str] = tuple(QUESTIONS),
    *,
    timeout_s: float = 2.0,
    on_part: Callable[[str, Answer], None] | None = None,
) -> dict[str, Answer]:
    """Return a worker's answers by question; those that it did not answer are left out.

    Args:
        mailbox: Where to ask.
        worker: Its name.
        questions: Which of :data:`QUESTIONS`.
        timeout_s: Longest time to wait.
        on_part: Told of each answer at once.

    Raises:
        ServiceUnavailableError: the broker is away.
    """
    parts: dict[str, Answer] = {}

    def listen(question: str, answer: Answer) -> None:
        parts[question] = Answer(answer.worker, _harmless(question, answer.value), answer.elapsed_s)
        if on_part is not None:
            on_part(question, parts[question])

    mailbox.ask_many(
        [(question, QUESTIONS[question]) for question in questions],
        destination=[worker],
        timeout_s=timeout_s,
        on_answer=listen,
    )
    return parts


def _harmless(question: str, value: Any) -> Any:
    if question == "report" and isinstance(value, Mapping) and isinstance(value.get("ok"), str):
        return {"ok": "\n".join(_harmless_line(line) for line in value["ok"].splitlines())}
    return masked("", value)


def _harmless_line(line: str) -> str:
    """Return a line of a report, which lists settings as ``name: value``."""
    found = _SETTING.match(line)
    if found is None:
        return str(masked("", line))
    return f"{found['indent']}{found['name']}: {masked(found['name'], found['value'])}"
