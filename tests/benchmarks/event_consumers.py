"""Those who take events in, each a process of its own: ``python -m tests.benchmarks.event_consumers``."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery


def ours(app: Celery, stop: threading.Event) -> dict[str, Any]:
    """Take events in as the console does, snapshots four times a second included."""
    from earthgazer_tui.fleet.live.events import EventStream
    from earthgazer_tui.fleet.live.events_state import EventsState
    from earthgazer_tui.fleet.live.names import Names
    from earthgazer_tui.fleet.live.observations import Observations, ServiceWatch
    from earthgazer_tui.fleet.live.snapshot import Origin, SnapshotBuilder
    from earthgazer_tui.fleet.models import ServiceState

    names = Names()
    state = EventsState(names)
    seen = Observations(ServiceWatch("broker", ServiceState.UP), ServiceWatch("none", ServiceState.ABSENT))
    origin = Origin("bench", is_embedded=False, is_read_only=True)
    builder = SnapshotBuilder(origin, state, seen, names, lambda: "")
    stream = EventStream(app, state, lambda: None)
    stream.start()
    while not stream.is_listening:
        time.sleep(0.01)
    print("ready", flush=True)
    while not stop.wait(0.25):
        builder.build()
    stream.stop()
    return {
        "events": state.events, "tasks": len(state.tasks), "shed": state.shed, "malformed": state.malformed,
        "ended": state.ended,
    }  # fmt: skip


def celery_state(app: Celery, stop: threading.Event) -> dict[str, Any]:
    """Take events in as ``celery events`` and most tools do: Receiver and State."""
    state = app.events.State(max_tasks_in_memory=50_000)
    counts = {"events": 0, "cut_off": 0}

    def on_event(event: dict[str, Any]) -> None:
        counts["events"] += 1
        state.event(event)

    while not stop.is_set():
        try:
            _drain(app, on_event, stop)
        except app.connection_for_read().connection_errors:
            # Redis cuts off who doesn't keep up; Flower and `celery events` come back likewise.
            counts["cut_off"] += 1
    return {**counts, "tasks": len(state.tasks)}


def _drain(app: Celery, on_event: Callable[[dict[str, Any]], None], stop: threading.Event) -> None:
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": on_event})
        with receiver.consumer_context() as (listening, _, _):
            print("ready", flush=True)
            while not stop.is_set():
                try:
                    listening.drain_events(timeout=0.25)
                except TimeoutError:
                    continue


def main(kind: str, url: str) -> None:
    """Consume until SIGTERM, then print what was taken in as JSON."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    app = Celery("bench", broker=url, set_as_current=False)
    if url.startswith("rediss://"):
        import ssl

        app.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_NONE}
    taken = {"ours": ours, "state": celery_state}[kind](app, stop)
    print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
