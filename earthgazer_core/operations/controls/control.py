"""One command to several workers: who is meant, who can't, what each said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

from celery import Celery

from earthgazer_core.db.session import Database
from earthgazer_core.errors import NotFoundError, RefusedError
from earthgazer_core.operations.mailbox import Answer, Command, Mailbox
from earthgazer_core.operations.noted import FAILED, noted

OnAnswer = Callable[[Answer], None]
Refusal = Callable[[Mapping[str, Any]], str]
"""Says why a worker can't, from what it answered to ``stats`` and ``conf``; empty where it can."""

_GLOB = frozenset("*?[")
_FACTS = ("stats", "conf")
_NO_ANSWER = "no answer: it may have ended, or run a task in a solo pool"


@dataclass(frozen=True, slots=True)
class ControlResult:
    """What became of a command to workers."""

    action: str
    """``worker.autoscale``, …"""
    answers: tuple[Answer, ...]
    """What workers said, in order of arrival; also why they would not."""
    refused: tuple[tuple[str, str], ...]
    """(worker, reason) of those that were not told, since they can't do it."""
    silent: tuple[str, ...]
    """Workers that did not answer in time."""
    is_volatile: bool
    """Whether Celery forgets the change when the worker restarts."""
    note: str = ""
    """What an operator should know of how it takes effect."""

    @property
    def is_ok(self) -> bool:
        """Whether everybody meant has done it."""
        return not self.refused and not self.silent and all(answer.is_ok for answer in self.answers)

    @property
    def summary(self) -> str:
        """One line."""
        done = sum(answer.is_ok for answer in self.answers)
        total = len(self.answers) + len(self.refused) + len(self.silent)
        words = f"{self.action}: {done} of {total} workers"
        if self.is_volatile and done:
            words += ", until they restart"
        return f"{words}; {self.note}" if self.note and done else words


class WorkerControl:
    """Tells workers what to do; keeps each command in the audit where there is a database."""

    def __init__(
        self,
        app: Celery,
        mailbox: Mailbox,
        known: Iterable[str] = (),
        *,
        database: Database | None = None,
        context: str | None = None,
        timeout_s: float = 2.0,
    ) -> None:
        """Take what commands need.

        Args:
            app: The fleet's app.
            mailbox: Where to ask.
            known: Workers known to exist, which patterns are matched with; without them all are asked first.
            database: Where the audit is kept.
            context: Name of the fleet, for the audit.
            timeout_s: Longest time to wait for an answer.
        """
        self.app = app
        self.mailbox = mailbox
        self.known = tuple(known)
        self.database = database
        self.context = context
        self.timeout_s = timeout_s
        # A second one, since commands are sent from within the answers to a question.
        self._commands = Mailbox(app)

    def __enter__(self) -> WorkerControl:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection that commands are sent on; the mailbox stays open."""
        self._commands.close()

    def targets(self, pattern: str | Sequence[str]) -> tuple[str, ...]:
        """Return the workers that names or patterns (``cpu@*``) mean.

        A plain name means itself, known or not.

        Raises:
            NotFoundError: a pattern matches nobody.
            ServiceUnavailableError: the broker is away.
        """
        patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        if not self.known and any(_GLOB & set(one) for one in patterns):
            self.known = tuple(
                answer.worker for answer in self.mailbox.ask("ping", timeout_s=self.timeout_s).answers
            )
        found: dict[str, None] = {}
        for one in patterns:
            matching = [name for name in self.known if fnmatchcase(name, one)] if _GLOB & set(one) else [one]
            if not matching:
                seen = ", ".join(sorted(self.known)) or "nobody"
                raise NotFoundError(f"no worker matches {one}; seen: {seen}")
            found |= dict.fromkeys(matching)
        return tuple(found)

    def carry_out(
        self,
        action: str,
        command: str,
        arguments: Mapping[str, Any],
        pattern: str | Sequence[str],
        *,
        refusal: Refusal | None = None,
        then: Command | None = None,
        is_volatile: bool = True,
        remark: str = "",
        on_answer: OnAnswer | None = None,
    ) -> ControlResult:
        """Send a command to the workers meant, each as soon as it has shown that it can do it.

        A worker that answers nothing delays no other.

        Args:
            action: For the audit.
            command: Celery's name of the command.
            arguments: Its arguments.
            pattern: Names or patterns of workers.
            refusal: Says which workers can't; those are not told.
            then: Sent to a worker that has done the command, without which it would have no effect.
            is_volatile: Whether workers forget it at a restart.
            remark: What an operator should know of how it takes effect.
            on_answer: Told of each answer at once.

        Raises:
            NotFoundError: a pattern matches nobody.
            RefusedError: nobody could be told, with each one's reason.
            ServiceUnavailableError: the broker is away.
        """
        target = {"workers": pattern if isinstance(pattern, str) else list(pattern), **arguments}
        with noted(self.database, action, target, self.context) as note:
            workers = self.targets(pattern)
            said: list[Answer] = []
            refused: dict[str, str] = {}
            if refusal is None:
                said += self.mailbox.ask(
                    command,
                    arguments,
                    destination=workers,
                    timeout_s=self.timeout_s,
                    on_answer=on_answer,
                ).answers
            else:
                self._ask_able((command, arguments), then, workers, refusal, said, refused, on_answer)
            heard = {answer.worker for answer in said} | refused.keys()
            silent = tuple(worker for worker in workers if worker not in heard)
            note.detail = {
                "answers": {answer.worker: answer.text[:200] for answer in said},
                "refused": refused,
                "silent": list(silent),
            }
            if not said:
                reasons = {**refused, **dict.fromkeys(silent, _NO_ANSWER)}
                raise RefusedError("; ".join(f"{worker}: {reason}" for worker, reason in reasons.items()))
            if not any(answer.is_ok for answer in said):
                note.outcome = FAILED
        return ControlResult(action, tuple(said), tuple(refused.items()), silent, is_volatile, remark)

    def _ask_able(
        self,
        command: Command,
        then: Command | None,
        workers: Sequence[str],
        refusal: Refusal,
        said: list[Answer],
        refused: dict[str, str],
        on_answer: OnAnswer | None,
    ) -> None:
        facts: dict[str, dict[str, Any]] = {}

        def listen(question: str, answer: Answer) -> None:
            known = facts.setdefault(answer.worker, {})
            known[question] = answer.value if isinstance(answer.value, dict) else {}
            if len(known) < len(_FACTS):
                return
            reason = refusal(known)
            if reason:
                refused[answer.worker] = reason
            else:
                said.extend(self._told(answer.worker, command, then, on_answer))

        self.mailbox.ask_many(
            [(question, {}) for question in _FACTS],
            destination=workers,
            timeout_s=self.timeout_s,
            on_answer=listen,
        )

    def _told(
        self, worker: str, command: Command, then: Command | None, on_answer: OnAnswer | None
    ) -> tuple[Answer, ...]:
        """Send one worker its commands and return its last answer; none where it is silent."""
        answers: tuple[Answer, ...] = ()
        for name, arguments in (command,) if then is None else (command, then):
            answers = self._commands.ask(
                name, arguments, destination=[worker], timeout_s=self.timeout_s
            ).answers
            if not all(answer.is_ok for answer in answers):
                break
        if on_answer is not None:
            for answer in answers:
                on_answer(answer)
        return answers
