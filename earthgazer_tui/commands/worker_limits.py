"""Commands on what workers take, how often and how long, and what they tell of it."""

from __future__ import annotations

from collections.abc import Sequence

from earthgazer_tui.commands.question import Prompt
from earthgazer_tui.commands.worker_command import FORGOTTEN, Target, WorkersCommand, prompt_for
from earthgazer_tui.fleet.models import (
    AddConsumer,
    CancelConsumer,
    Lever,
    LimitRate,
    LimitTime,
    SwitchEvents,
    Worker,
    WorkerOrder,
)


class AddQueue(WorkersCommand):
    """Have workers take from another queue as well."""

    id = "worker.add-consumer"
    argument = "[QUEUE]"
    key = "C"
    title = "Consume"
    deed = "Add a queue to"
    yes = "Add"
    in_footer = False

    def prompt(self, subjects: Sequence[Target]) -> Prompt | None:
        """Ask for the queue."""
        return prompt_for(
            self, subjects, "Take from which queue as well?", "", "name of a queue", _name_complaint
        )

    def plan(self, target: Target) -> str:
        """Return what it would take from."""
        if self.typed.strip() in target.worker.queues:
            return f"takes from {self.typed.strip()} already"
        return f"{', '.join(target.worker.queues) or 'nothing'} + {self.typed.strip()}"

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the queue."""
        return AddConsumer(self.typed.strip())


class CancelQueue(WorkersCommand):
    """Have workers take no more from a queue; what they hold of it runs."""

    id = "worker.cancel-consumer"
    argument = "[QUEUE]"
    key = "U"
    title = "Unconsume"
    deed = "Take a queue from"
    yes = "Take away"
    in_footer = False
    is_destructive = True

    def prompt(self, subjects: Sequence[Target]) -> Prompt | None:
        """Ask for the queue."""
        known = tuple(dict.fromkeys(queue for target in subjects for queue in target.worker.queues))
        value = subjects[0].queue or (known[0] if len(known) == 1 else "")

        def complaint(text: str) -> str:
            if text.strip() not in known:
                return f"none of them takes from that; they take from {', '.join(known) or 'nothing'}"
            return ""

        return prompt_for(
            self, subjects, "Take no more from which queue?", value, "name of a queue", complaint
        )

    def plan(self, target: Target) -> str:
        """Return what it would take from."""
        left = [queue for queue in target.worker.queues if queue != self.typed.strip()]
        return f"takes from {', '.join(left) or 'nothing'}"

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the queue."""
        return CancelConsumer(self.typed.strip())


class LimitRates(WorkersCommand):
    """Limit how often each of these workers begins a task, or lift that."""

    id = "worker.rate-limit"
    argument = "[TASK RATE]"
    key = "L"
    title = "Rate limit"
    deed = "Limit the rate on"
    yes = "Limit"
    in_footer = False

    def reason(self, worker: Worker) -> str:
        """Say which workers keep no rates."""
        return worker.refusal(Lever.RATE_LIMIT)

    def prompt(self, subjects: Sequence[Target]) -> Prompt | None:
        """Ask for task and rate."""
        value = f"{subjects[0].task} " if subjects[0].task else ""
        hint = "task and rate: earthgazer.io.download_bands 10/m; 0 lifts it"
        return prompt_for(
            self, subjects, "Which task, how often on each worker?", value, hint, _rate_complaint
        )

    def plan(self, target: Target) -> str:
        """Return the limit."""
        return self.typed

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the limit."""
        task, rate = self.typed.split()
        return LimitRate(task, rate)


class LimitTimes(WorkersCommand):
    """Limit how long a task may run on these workers; their pools are restarted for it."""

    id = "worker.time-limit"
    argument = "[TASK SOFT HARD]"
    key = "T"
    title = "Time limit"
    deed = "Limit the time on"
    yes = "Limit"
    in_footer = False
    note = f"{FORGOTTEN} Their pools are restarted, or the limits would have no effect."

    def reason(self, worker: Worker) -> str:
        """Say which pools can't end a task."""
        is_soft = not _time_complaint(self.typed) and _limits(self.typed)[1] is not None
        return worker.refusal(Lever.HARD_LIMIT) or (worker.refusal(Lever.SOFT_LIMIT) if is_soft else "")

    def prompt(self, subjects: Sequence[Target]) -> Prompt | None:
        """Ask for task and limits."""
        value = f"{subjects[0].task} " if subjects[0].task else ""
        hint = "task, soft and hard seconds: steps.add 30 60; - for none"
        return prompt_for(self, subjects, "Which task, for how long?", value, hint, _time_complaint)

    def plan(self, target: Target) -> str:
        """Return the limits."""
        return self.typed

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the limits."""
        return LimitTime(*_limits(self.typed))


class SwitchEventsOff(WorkersCommand):
    """Have workers send no more task events; live views see no more of their tasks."""

    id = "worker.disable-events"
    key = "F"
    title = "Events off"
    deed = "Switch off the task events of"
    yes = "Switch off"
    in_footer = False
    is_destructive = True
    note = f"Live views see no more of their tasks. {FORGOTTEN}"

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the order."""
        return SwitchEvents(on=False)


class SwitchEventsOn(SwitchEventsOff):
    """Have workers send task events, without which the live views are blind."""

    id = "worker.enable-events"
    key = "E"
    title = "Events on"
    deed = "Switch on the task events of"
    yes = "Switch on"
    is_destructive = False
    note = FORGOTTEN

    def order(self, targets: Sequence[Target]) -> WorkerOrder:
        """Return the order."""
        return SwitchEvents(on=True)


def _name_complaint(text: str) -> str:
    return "" if text.strip() else "the name of a queue is expected"


def _rate_complaint(text: str) -> str:
    parts = text.split()
    if len(parts) != 2:
        return "a task and a rate are expected: steps.add 10/m"
    amount, _, unit = parts[1].partition("/")
    is_number = amount.replace(".", "", 1).isdecimal()
    return (
        "" if is_number and unit in ("", "s", "m", "h") else "10/s, 5/m or 100/h is expected, or 0 for none"
    )


def _limits(text: str) -> tuple[str, float | None, float | None]:
    task, soft, hard = text.split()
    return task, None if soft == "-" else float(soft), None if hard == "-" else float(hard)


def _time_complaint(text: str) -> str:
    try:
        _, soft, hard = _limits(text)
    except ValueError:
        return "a task and two limits are expected: steps.add 30 60, or - for none"
    if any(limit is not None and not 0 < limit < 1e7 for limit in (soft, hard)):
        return "more than 0 seconds are expected, or - for none"
    return "the soft limit has to be the shorter" if soft and hard and soft >= hard else ""
