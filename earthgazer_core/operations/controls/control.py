"""One command to several workers: who is meant, who can't, what each said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

from celery import Celery

from earthgazer_core.db.session import Database
from earthgazer_core.errors import NotFoundError, RefusedError
from earthgazer_core.operations.mailbox import Answer, Command, Mailbox
from earthgazer_core.operations.noted import FAILED, noted

OnAnswer = Callable[[Answer], None]
OnRefused = Callable[[str, str], None]
"""Told of a worker that can't do it, and why, as soon as that is known."""
OnDone = Callable[["ControlResult"], None]
"""Told what everybody meant has done, before that is written into the audit."""
Refusal = Callable[[Mapping[str, Any]], str]
"""Says why a worker can't, from what it answered to ``stats`` and ``conf``; empty where it can."""

_GLOB = frozenset("*?[")
_FACTS = ("stats", "conf")
_NO_ANSWER = "no answer: it may have ended, or run a task in a solo pool"


class UnheardError(RefusedError):
    """Nobody could be told: some can't do it, the others did not answer."""

    def __init__(self, refused: Mapping[str, str], silent: Sequence[str]) -> None:
        reasons = {**refused, **dict.fromkeys(silent, _NO_ANSWER)}
        super().__init__("; ".join(f"{worker}: {reason}" for worker, reason in reasons.items()))
        self.refused = dict(refused)
        """Why each can't, by worker."""
        self.silent = tuple(silent)
        """Those that did not answer in time."""


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
    before: Mapping[str, Any] = field(default_factory=dict)
    """What was so before, by worker, where that was asked."""

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
        self.on_refused: OnRefused | None = None
        self.on_done: OnDone | None = None
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

    def tell(self, worker: str, command: str) -> None:
        """Send a command whose answer nobody waits for, such as one that ends the worker.

        Raises:
            ServiceUnavailableError: the broker is away.
        """
        self._commands.ask(command, destination=[worker], timeout_s=0)

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
        measure: Callable[[Mapping[str, Any]], Any] | None = None,
        then: Command | None = None,
        is_volatile: bool = True,
        remark: str = "",
        facts: Sequence[str] = _FACTS,
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
            measure: Says of those that can, from the same answers, what is to be kept as it was before.
            then: Sent to a worker that has done the command, without which it would have no effect.
            is_volatile: Whether workers forget it at a restart.
            remark: What an operator should know of how it takes effect.
            facts: What ``refusal`` and ``measure`` look at: each is a question that the command waits for.
            on_answer: Told of each answer at once.

        Raises:
            NotFoundError: a pattern matches nobody.
            UnheardError: nobody could be told, with each one's reason.
            ServiceUnavailableError: the broker is away.
        """
        target = {"workers": pattern if isinstance(pattern, str) else list(pattern), **arguments}
        with noted(self.database, action, target, self.context) as note:
            workers = self.targets(pattern)
            said: list[Answer] = []
            refused: dict[str, str] = {}
            before: dict[str, Any] = {}
            if refusal is None:
                said += self.mailbox.ask(
                    command,
                    arguments,
                    destination=workers,
                    timeout_s=self.timeout_s,
                    on_answer=on_answer,
                ).answers
            else:

                def judge(worker: str, facts: Mapping[str, Any]) -> str:
                    reason = refusal(facts)
                    if not reason and measure is not None:
                        before[worker] = measure(facts)
                    return reason

                self._ask_able((command, arguments), then, workers, facts, judge, said, refused, on_answer)
            heard = {answer.worker for answer in said} | refused.keys()
            silent = tuple(worker for worker in workers if worker not in heard)
            note.detail = {
                "answers": {answer.worker: answer.text[:200] for answer in said},
                "refused": refused,
                "silent": list(silent),
                "done": [answer.worker for answer in said if answer.is_ok],
                "before": before,
            }
            if not said:
                raise UnheardError(refused, silent)
            if not any(answer.is_ok for answer in said):
                note.outcome = FAILED
            result = ControlResult(
                action, tuple(said), tuple(refused.items()), silent, is_volatile, remark, before
            )
            if result.is_ok and self.on_done is not None:
                self.on_done(result)
        return result

    def _ask_able(
        self,
        command: Command,
        then: Command | None,
        workers: Sequence[str],
        questions: Sequence[str],
        judge: Callable[[str, Mapping[str, Any]], str],
        said: list[Answer],
        refused: dict[str, str],
        on_answer: OnAnswer | None,
    ) -> None:
        facts: dict[str, dict[str, Any]] = {}
        judged: set[str] = set()

        def listen(question: str, answer: Answer) -> None:
            known = facts.setdefault(answer.worker, {})
            known[question] = answer.value if isinstance(answer.value, dict) else {}
            # Two workers of one name answer everything twice, and both hear what either is told.
            if len(known) < len(questions) or answer.worker in judged:
                return
            judged.add(answer.worker)
            reason = judge(answer.worker, known)
            if reason:
                refused[answer.worker] = reason
                if self.on_refused is not None:
                    self.on_refused(answer.worker, reason)
            else:
                said.extend(self._told(answer.worker, command, then, on_answer))

        self.mailbox.ask_many(
            [(question, {}) for question in questions],
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
