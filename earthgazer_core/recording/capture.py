"""Records a fleet: its events as they come, and looks at queues and workers in between."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from celery import Celery

from earthgazer_core.errors import EarthGazerError
from earthgazer_core.operations.broker import BrokerSnapshot
from earthgazer_core.operations.brokers import broker_of
from earthgazer_core.operations.events.listener import EventListener
from earthgazer_core.operations.events.subscription import LINK_ERRORS
from earthgazer_core.operations.mailbox import Mailbox
from earthgazer_core.operations.workers import WorkerReport, survey
from earthgazer_core.recorder.masking import TextMask
from earthgazer_core.recording.frames import BrokerNoted, Content, EventsHeard, QueuesSeen, WorkerAsked
from earthgazer_core.recording.writer import RecordingWriter

_MASKED: Final = ("args", "kwargs", "result", "exception", "traceback")
_CENSUS_EVERY = 4
_AT_LEAST_EVERY_S = 30.0
"""An unchanged look is written again after that time, so that a jump into a recording finds one."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording has so far."""

    events: int
    """Events heard."""
    unread: int
    """Messages on the event channel that were no events."""
    looks: int
    """Looks at queues and workers that were written."""
    outages: int
    """Times that the broker went away."""


class Capture:
    """Listens and looks until it is stopped; a broker that goes away is waited for."""

    def __init__(
        self,
        app: Celery,
        writer: RecordingWriter,
        mask: TextMask,
        *,
        look_every_s: float = 1.0,
        survey_every_s: float = 5.0,
        on_progress: Callable[[Recorded], None] | None = None,
        progress_every_s: float = 10.0,
    ) -> None:
        """Take what is needed; nothing is connected yet.

        Args:
            app: The fleet's app, or one with the same broker.
            writer: Where it goes; belongs to the thread that runs :meth:`run`.
            mask: Hides secrets in arguments, results and errors.
            look_every_s: Seconds between two looks at queues.
            survey_every_s: Seconds between two questions to the workers.
            on_progress: Told now and then what there is.
            progress_every_s: How often.

        Raises:
            InvalidInputError: the broker is of a kind that can't be listened to.
        """
        self._app = app
        self._writer = writer
        self._mask = mask
        self._look_every_s = look_every_s
        self._survey_every_s = survey_every_s
        self._on_progress = on_progress
        self._progress_every_s = progress_every_s
        self._looks: queue.SimpleQueue[tuple[float, Content]] = queue.SimpleQueue()
        self._listener = EventListener(app, self)
        self._stop = threading.Event()
        self._recorded = Recorded(0, 0, 0, 0)
        self._is_up: bool | None = None
        self._told = time.monotonic()

    def stop(self) -> None:
        """Let :meth:`run` return; any thread or signal handler may call it."""
        self._stop.set()
        self._listener.stop()

    def run(self) -> Recorded:
        """Record until stopped; return what there is.

        Raises:
            StorageError: it can't be written any more; what was written stays.
        """
        lookers = [
            threading.Thread(target=self._look_at_queues, name="record-queues", daemon=True),
            threading.Thread(target=self._ask_workers, name="record-workers", daemon=True),
        ]
        for thread in lookers:
            thread.start()
        try:
            self._listener.run()
        finally:
            self._stop.set()
            for thread in lookers:
                thread.join(timeout=10.0)
        self._write_looks()
        return self._recorded

    def link_changed(self, error: Exception | None) -> None:
        """Note whether the broker is there."""
        self._note_broker(is_up=error is None, reason="" if error is None else type(error).__name__)
        self._write_looks()

    def turn(self, busy_s: float) -> None:
        """Write what the other threads saw, and tell of the progress now and then."""
        self._write_looks()
        self._writer.turn()
        now = time.monotonic()
        if self._on_progress is not None and now - self._told >= self._progress_every_s:
            self._on_progress(self._recorded)
            self._told = now

    def hear(self, events: list[dict[str, Any]], unread: list[Exception], now: float) -> None:
        """Write what came, secrets masked."""
        masked: list[Mapping[str, Any]] = []
        unshown = 0
        for event in events:
            try:
                masked.append(self._masked(event))
            except RecursionError:
                unshown += 1
        if masked:
            self._writer.write(EventsHeard(masked))
        recorded = self._recorded
        self._recorded = replace(
            recorded,
            events=recorded.events + len(masked),
            unread=recorded.unread + len(unread) + unshown,
        )

    def _masked(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        hidden = {
            name: masked
            for name in _MASKED
            # Some senders leave out to make text of it.
            if (value := event.get(name)) is not None
            and (masked := self._mask(text := value if isinstance(value, str) else repr(value))) != text
        }
        return {**event, **hidden} if hidden else event

    def _note_broker(self, *, is_up: bool, reason: str = "") -> None:
        if is_up is self._is_up:
            return
        if not is_up and self._is_up is not None:
            self._recorded = replace(self._recorded, outages=self._recorded.outages + 1)
        self._is_up = is_up
        self._writer.write(BrokerNoted(is_up, reason))

    def _write_looks(self) -> None:
        while not self._looks.empty():
            at, content = self._looks.get()
            self._writer.write(content, at)
            self._recorded = replace(self._recorded, looks=self._recorded.looks + 1)

    # ── in threads of their own ───────────────────────────────────────────
    def _look_at_queues(self) -> None:
        broker = broker_of(self._app)
        told: BrokerSnapshot | None = None
        try:
            while not self._stop.is_set():
                try:
                    snapshot = broker.snapshot(broker.queue_names())
                except EarthGazerError:
                    # The listening thread says that the broker is away.
                    self._stop.wait(self._look_every_s)
                    continue
                if told is None or _is_news(told, snapshot):
                    told = snapshot
                    self._looks.put((time.time(), QueuesSeen(snapshot)))
                self._stop.wait(self._look_every_s)
        finally:
            broker.close()

    def _ask_workers(self) -> None:
        mailbox = Mailbox(self._app)
        known: tuple[str, ...] = ()
        turn = 0
        try:
            while not self._stop.is_set():
                # Those known answer at once; now and then all are asked, with the whole time limit.
                expected = known if known and turn % _CENSUS_EVERY else None
                turn += 1
                try:
                    reports = survey(mailbox, expected)
                except (EarthGazerError, *LINK_ERRORS):
                    reports = ()
                known = tuple({*known, *(report.hostname for report in reports)})
                for report in reports:
                    self._looks.put((time.time(), WorkerAsked(self._without_secrets(report))))
                self._stop.wait(self._survey_every_s)
        finally:
            mailbox.close()

    def _without_secrets(self, report: WorkerReport) -> WorkerReport:
        active = tuple(
            replace(task, args_repr=self._mask(task.args_repr), kwargs_repr=self._mask(task.kwargs_repr))
            for task in report.active
        )
        return replace(report, active=active)


def _is_news(before: BrokerSnapshot, after: BrokerSnapshot) -> bool:
    if (after.at - before.at).total_seconds() >= _AT_LEAST_EVERY_S:
        return True
    return replace(before, at=after.at) != after
