"""The bounded store that task and worker events are folded into; no thread, no connection."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.live.names import Names
from earthgazer_tui.fleet.live.records import KEPT_LONGER, TERMINAL, UNSEEN, TaskRecord, WorkerRecord
from earthgazer_tui.fleet.live.sender_clocks import LATE_UNKNOWN_S, SenderClocks

Event = Mapping[str, Any]

_ARGUMENTS_LIMIT: Final = 1100
_RESULT_LIMIT: Final = 300
_TRACEBACK_LIMIT: Final = 8000
_RECENT: Final = 400
_MAX_WORKERS: Final = 5000
_LAST_WORDS_S: Final = 5.0
_MAX_QUEUES: Final = 2000


class EventsState:
    """Tasks, workers and counts as told by events; every text in it is sanitised.

    The ingesting thread folds under :attr:`lock`; whoever reads takes it for as short as it can.
    Tasks are bounded by ``max_tasks``; the oldest go first, unfinished ones last, and failures move
    to a store of their own, so that a flood of successes can't wash them out.
    """

    def __init__(
        self,
        names: Names,
        *,
        max_tasks: int = 50_000,
        max_failures: int = 3_000,
        mask: Callable[[str], str] = str,
    ) -> None:
        self.lock = Lock()
        self._names = names
        self._mask = mask
        self._max_tasks = max_tasks
        self._max_failures = max_failures
        self._now = 0.0
        self._heard_at: float | None = None
        self._clocks = SenderClocks()
        self.clear()
        self._folds: dict[str, Callable[[Event], None]] = {
            "task-sent": self._sent,
            "task-received": self._received,
            "task-started": self._started,
            "task-succeeded": self._succeeded,
            "task-failed": self._failed,
            "task-retried": self._retried,
            "task-cancelled": self._retried,
            "task-revoked": self._revoked,
            "task-rejected": self._rejected,
            "worker-online": self._heartbeat,
            "worker-heartbeat": self._heartbeat,
            "worker-offline": self._offline,
        }

    def clear(self) -> None:
        """Forget everything; the caller holds :attr:`lock` once anybody else reads."""
        self.tasks: dict[str, TaskRecord] = {}
        self.failures: OrderedDict[str, TaskRecord] = OrderedDict()
        self.workers: dict[str, WorkerRecord] = {}
        self.recent: deque[TaskRecord] = deque(maxlen=_RECENT)
        self.waiting: OrderedDict[str, float] = OrderedDict()
        self.version = 0
        self.events = 0
        self.ended = 0
        self.failed = 0
        self.shed = 0
        self.malformed = 0
        self.evicted = 0
        self.gaps = 0
        """Times that nobody listened for a while, so that events were missed which nobody can count."""
        self.gap_at: float | None = None
        """When the last of them ended, on our monotonic clock."""
        self._has_listened = False
        self.queue_in: dict[str, int] = {}
        self.queue_out: dict[str, int] = {}
        self.doubted: dict[str, TaskRecord] = {}
        """Tasks that had not ended when we could not hear of them."""
        self.is_lean = False
        """While set, tasks not known yet are counted but not remembered, failures excepted."""
        self._order: deque[str] = deque()

    # ── in ────────────────────────────────────────────────────────────────
    def fold(self, events: Sequence[Event], now: float | None = None, heard_at: float | None = None) -> None:
        """Take in events; the caller holds :attr:`lock`.

        Args:
            events: In the order in which they came.
            now: Our monotonic clock.
            heard_at: Our calendar's clock when they came, in seconds since the epoch, which senders'
                clocks are compared with; None where these are believed.
        """
        self._now = time.monotonic() if now is None else now
        self._heard_at = heard_at
        folds = self._folds
        self.events += len(events)
        for event in events:
            try:
                fold = folds.get(event["type"])
                if fold is not None:
                    fold(event)
            except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
                # Anybody may publish anything on the channel: what has not an event's shape is counted.
                self.malformed += 1
        while len(self.tasks) > self._max_tasks:
            self._evict()
        self.version += 1

    def find(self, task_id: str) -> TaskRecord | None:
        """Return what is remembered of a task."""
        return self.tasks.get(task_id) or self.failures.get(task_id)

    def note_seen(self, hostname: str, now: float) -> WorkerRecord:
        """Note that a worker answered; the caller holds :attr:`lock`."""
        worker = self.workers.get(hostname)
        if worker is None:
            worker = self.workers[hostname] = WorkerRecord(hostname, now)
        # An answer given before its good-bye may be read after it.
        if not worker.is_stopped or now - worker.seen > _LAST_WORDS_S:
            worker.seen = now
            worker.is_stopped = False
        return worker

    def forget_worker(self, hostname: str) -> None:
        """Forget a worker; the caller holds :attr:`lock`."""
        self.workers.pop(hostname, None)

    def forget_waiting(self, sent_before: float) -> None:
        """Forget what was sent before that and yet is in no queue; the caller holds :attr:`lock`."""
        for task_id in [task_id for task_id, at in self.waiting.items() if at < sent_before]:
            del self.waiting[task_id]

    def note_gap(self) -> None:
        """Note that events reach us from now on; the caller holds :attr:`lock`."""
        if self._has_listened:
            self.gaps += 1
            self.gap_at = time.monotonic()
        self._has_listened = True

    def doubt_unfinished(self) -> None:
        """Believe of no task that it still waits or runs: we were deaf. The caller holds :attr:`lock`."""
        self.waiting.clear()
        self.doubted = {task_id: task for task_id, task in self.tasks.items() if task.state not in TERMINAL}
        for task in self.doubted.values():
            task.state = UNSEEN

    def unseen(self, limit: int) -> list[str]:
        """Return the ids of the newest tasks in doubt; the caller holds :attr:`lock`."""
        self.doubted = {task_id: task for task_id, task in self.doubted.items() if task.state == UNSEEN}
        return list(self.doubted)[-limit:]

    def settle(self, task_id: str, state: str, at: float, worker: str | None = None) -> None:
        """Take in what somebody else says of a task in doubt; the caller holds :attr:`lock`."""
        task = self.doubted.get(task_id)
        if task is not None and task.state == UNSEEN:
            task.state, task.at = state, max(task.at, at)
            task.worker = worker or task.worker
            if state in TERMINAL:
                self._leave(task)
                task.finished_at = at

    def _moment(self, event: Event) -> float:
        """Return when an event happened, by our clock."""
        told, heard_at, clocks = event["timestamp"], self._heard_at, self._clocks
        if heard_at is None:
            return _finite(told)
        # As nearly always, where nobody's clock is off; here, because calls are what a flood of events costs.
        if type(told) is float and not clocks.ahead and 0.0 <= heard_at - told <= LATE_UNKNOWN_S:
            return told
        return clocks.ours(event.get("hostname", ""), _finite(told), heard_at)

    # ── tasks ─────────────────────────────────────────────────────────────
    def _task(self, event: Event, *, always: bool = False) -> TaskRecord | None:
        raw = event["uuid"]
        if type(raw) is not str:
            raise TypeError(raw)
        task = self.tasks.get(raw)
        if task is None:
            task_id = raw if raw.isascii() and raw.isprintable() and len(raw) <= 200 else sanitise.name(raw)
            task = self.tasks.get(task_id) or self.failures.pop(task_id, None)
            if task is None:
                if self.is_lean and not always:
                    self.shed += 1
                    return None
                task = TaskRecord(task_id)
            if task_id not in self.tasks:
                self.tasks[task_id] = task
                self._order.append(task_id)
        self.recent.append(task)
        return task

    def _worker(self, event: Event) -> WorkerRecord:
        hostname = self._names.show(event["hostname"])
        worker = self.workers.get(hostname)
        if worker is None:
            if len(self.workers) >= _MAX_WORKERS:
                raise ValueError("too many workers")
            worker = self.workers[hostname] = WorkerRecord(hostname, self._now)
        worker.seen = self._now
        return worker

    def _describe(self, task: TaskRecord, event: Event) -> None:
        if (retries := event.get("retries")) is not None:
            task.retries = int(retries)
        if (eta := event.get("eta")) is not None:
            task.eta = sanitise.name(eta)
        if task.name and task.root_id is not None and (task.args or task.kwargs):
            # Publisher and worker tell the same; only what a retry changes is told anew.
            return
        name = event.get("name")
        if name is not None:
            task.name = self._names.show(name)
        if not task.args and (args := event.get("args")) is not None:
            task.args = sanitise.line(args, _ARGUMENTS_LIMIT)
            task.is_as_told &= task.args == args
        if not task.kwargs and (kwargs := event.get("kwargs")) is not None:
            task.kwargs = sanitise.line(kwargs, _ARGUMENTS_LIMIT)
            task.is_as_told &= task.kwargs == kwargs
        if (root := event.get("root_id")) is not None:
            task.root_id = task.task_id if root == task.task_id else sanitise.name(root)
        if (parent := event.get("parent_id")) is not None:
            task.parent_id = sanitise.name(parent)

    def _sent(self, event: Event) -> None:
        queue = event.get("queue")
        if queue is not None:
            queue = self._names.show(queue)
            if queue in self.queue_in or len(self.queue_in) < _MAX_QUEUES:
                self.queue_in[queue] = self.queue_in.get(queue, 0) + 1
        task = self._task(event)
        if task is None:
            return
        at = self._moment(event)
        self._describe(task, event)
        task.queue = queue
        task.sent_at = at
        # Its own worker may be quicker than the publisher's event, and may have another clock.
        if task.state == "PENDING" or (task.state in TERMINAL and at > task.at + 1.0):
            task.state, task.at = "PENDING", at
            self.waiting[task.task_id] = at
            if len(self.waiting) > self._max_tasks:
                self.waiting.popitem(last=False)

    def _received(self, event: Event) -> None:
        worker = self._worker(event)
        worker.task_events += 1
        task = self._task(event)
        if task is None:
            return
        at = self._moment(event)
        self._describe(task, event)
        self.waiting.pop(task.task_id, None)
        task.received_at = at
        if self._is_news(task, at, "RECEIVED"):
            task.worker = worker.hostname

    def _started(self, event: Event) -> None:
        worker = self._worker(event)
        worker.task_events += 1
        task = self._task(event)
        if task is None:
            return
        at = self._moment(event)
        self.waiting.pop(task.task_id, None)
        task.started_at = at
        if self._is_news(task, at, "STARTED"):
            if task.worker is not None and task.worker != worker.hostname:
                self._leave(task)
            task.worker = worker.hostname
            worker.running[task.task_id] = task

    def _is_news(self, task: TaskRecord, at: float, state: str) -> bool:
        """Move a task on, unless its end was told already and this is a straggler."""
        if at < task.at and (task.state in TERMINAL or (task.state == "STARTED" and state == "RECEIVED")):
            return False
        if task.state in TERMINAL:
            task.finished_at = task.runtime_s = task.error = None
            task.result = task.traceback = ""
        task.state, task.at = state, at
        return True

    def _end(self, event: Event, state: str, *, always: bool = False) -> TaskRecord | None:
        worker = self._worker(event)
        worker.task_events += 1
        task = self._task(event, always=always)
        if task is None:
            return None
        at = self._moment(event)
        self.waiting.pop(task.task_id, None)
        worker.running.pop(task.task_id, None)
        if task.worker is not None and task.worker != worker.hostname:
            self._leave(task)
        task.worker = worker.hostname
        task.state, task.at = state, at
        return task

    def _finish(self, event: Event, state: str, *, always: bool = False) -> TaskRecord | None:
        self.ended += 1
        task = self._end(event, state, always=always)
        if task is not None:
            task.finished_at = task.at
            if (runtime := event.get("runtime")) is not None:
                task.runtime_s = _finite(runtime)
            if task.queue in self.queue_in:
                self.queue_out[task.queue] = self.queue_out.get(task.queue, 0) + 1
        return task

    def _succeeded(self, event: Event) -> None:
        task = self._finish(event, "SUCCESS")
        if task is not None:
            task.error = None
            task.traceback = ""
            task.result = self._mask(sanitise.line(event.get("result"), _RESULT_LIMIT))

    def _failed(self, event: Event) -> None:
        self.failed += 1
        task = self._finish(event, "FAILURE", always=True)
        if task is not None:
            task.error = self._mask(sanitise.line(event.get("exception") or ""))
            task.traceback = self._mask(sanitise.text(event.get("traceback") or "", _TRACEBACK_LIMIT))

    def _retried(self, event: Event) -> None:
        task = self._end(event, "RETRY")
        if task is not None:
            task.error = self._mask(sanitise.line(event.get("exception") or ""))

    def _revoked(self, event: Event) -> None:
        self._finish(event, "REVOKED", always=True)

    def _rejected(self, event: Event) -> None:
        self._finish(event, "REJECTED", always=True)

    def _leave(self, task: TaskRecord) -> None:
        if task.worker is not None and (worker := self.workers.get(task.worker)) is not None:
            worker.running.pop(task.task_id, None)

    # ── workers ───────────────────────────────────────────────────────────
    def _heartbeat(self, event: Event) -> None:
        worker = self._worker(event)
        worker.is_stopped = False
        told = event.get("timestamp")
        if self._heard_at is not None and isinstance(told, float) and math.isfinite(told):
            self._clocks.note_heartbeat(event["hostname"], told, self._heard_at)
        pid = event.get("pid")
        if event["type"] == "worker-online" or (worker.pid is not None and pid != worker.pid):
            # Another process under this name: what its forerunner ran does not run here.
            worker.running.clear()
            worker.task_events, worker.processed_at_first, worker.processed = 0, None, None
        if pid is not None:
            worker.pid = int(pid)
        worker.freq_s = min(max(_finite(event.get("freq") or 2.0), 0.5), 3600.0)
        # The answer to the control command `heartbeat` has none of these.
        if (active := event.get("active")) is not None:
            worker.active = int(active)
        if (processed := event.get("processed")) is not None:
            worker.processed = int(processed)
            if worker.processed_at_first is None:
                worker.processed_at_first = worker.processed
        if (load := event.get("loadavg")) is not None:
            worker.load = tuple(_finite(value) for value in load[:3])

    def _offline(self, event: Event) -> None:
        worker = self._worker(event)
        worker.is_stopped = True
        worker.active = 0
        worker.running.clear()

    # ── bounds ────────────────────────────────────────────────────────────
    def _evict(self) -> None:
        # Unfinished tasks get a second chance, but a store full of them has to give as well.
        for _ in range(8):
            task_id = self._order.popleft()
            task = self.tasks[task_id]
            if task.state in TERMINAL:
                break
            self._order.append(task_id)
        else:
            task_id = self._order.popleft()
            task = self.tasks[task_id]
        del self.tasks[task_id]
        if task.state in KEPT_LONGER:
            self.failures[task_id] = task
            if len(self.failures) > self._max_failures:
                self.failures.popitem(last=False)
        elif task.state not in TERMINAL:
            self._leave(task)
            self.waiting.pop(task_id, None)
            self.evicted += 1


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number
