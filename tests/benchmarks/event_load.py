"""Publishes the events of a busy fleet at a given rate: ``python -m tests.benchmarks.event_load``."""

from __future__ import annotations

import base64
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import orjson

EVENTS_PER_TASK: Final = 4
"""Sent, received, started, succeeded."""
BATCH: Final = 24
"""Events that a worker puts into one message at most (celery/events/dispatcher.py)."""
_TICK_S: Final = 0.01
_WORKERS: Final = 20
_FAILS_EVERY: Final = 50


def events(first: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the events of one task after the other, shaped as Celery 5.7 sends them."""
    clock = 0
    n = first
    while True:
        worker = f"cpu{n % _WORKERS}@field"
        common = {"hostname": worker, "utcoffset": 0, "pid": 4000 + n % _WORKERS}
        task = {
            "uuid": f"{n:08x}-0000-4000-8000-{n:012x}", "name": f"fleet.tasks.step_{n % 12}",
            "args": "(12, 'S2A_MSIL2A_20260301T103021')", "kwargs": "{'capture_id': 12, 'band': 'B04'}",
            "root_id": f"{n:08x}-0000-4000-8000-{n:012x}", "parent_id": None, "retries": 0, "eta": None,
            "expires": None,
        }  # fmt: skip
        uuid = {"uuid": task["uuid"]}
        end: dict[str, Any] = {"type": "task-succeeded", "result": "'done'", "runtime": 0.25}
        if n % _FAILS_EVERY == 0:
            end = {"type": "task-failed", "exception": "ValueError('no')", "traceback": "Traceback …" * 20}
        for event in (
            {"type": "task-sent", **task, "queue": "cpu_queue", "exchange": "", "routing_key": "cpu_queue",
             **common, "hostname": "gen1@producer"},
            {"type": "task-received", **task, **common},
            {"type": "task-started", **uuid, **common},
            {**end, **uuid, **common},
        ):  # fmt: skip
            clock += 1
            yield {**event, "timestamp": time.time(), "clock": clock}
        n += 1


def envelope(batch: Sequence[dict[str, Any]], *, is_batched: bool) -> bytes:
    """Return events as one of kombu's messages on the event exchange."""
    body: Any = list(batch) if is_batched else batch[0]
    routing_key = "task.multi" if is_batched else batch[0]["type"].replace("-", ".")
    return orjson.dumps(
        {
            "body": base64.b64encode(orjson.dumps(body)).decode(), "content-encoding": "utf-8",
            "content-type": "application/json", "headers": {"hostname": batch[0]["hostname"]},
            "properties": {
                "delivery_mode": 1, "delivery_info": {"exchange": "celeryev", "routing_key": routing_key},
                "priority": 0, "body_encoding": "base64", "delivery_tag": str(uuid4()),
            },
        }
    )  # fmt: skip


def channel_of(database: int, *, is_batched: bool, event_type: str = "task-sent") -> str:
    """Return the channel that kombu publishes an event to."""
    return f"/{database}.celeryev/{'task.multi' if is_batched else event_type.replace('-', '.')}"


def publish(url: str, rate: float, seconds: float, *, is_batched: bool, first: int = 0) -> int:
    """Publish events at a rate; return how many there were.

    Args:
        url: ``redis+socket://:password@/path?virtual_host=n``.
        rate: Events per second; 0 for as many as the broker takes.
        seconds: For how long.
        is_batched: Whether 24 events make a message, as workers do, or each is one.
        first: Number of the first task.
    """
    parts = urlsplit(url)
    database = int(parse_qs(parts.query)["virtual_host"][0])
    link = socket.socket(socket.AF_UNIX)
    link.connect(parts.path)
    link.sendall(_command("AUTH", parts.password or ""))
    link.recv(4096)
    source = events(first)
    begin = time.monotonic()
    sent = 0
    while (elapsed := time.monotonic() - begin) < seconds:
        due = int(rate * (elapsed + _TICK_S)) - sent if rate else BATCH * 64
        parts_out: list[bytes] = []
        answers = 0
        while due >= (BATCH if is_batched else 1):
            batch = [next(source) for _ in range(BATCH if is_batched else 1)]
            due -= len(batch)
            sent += len(batch)
            answers += 1
            channel = channel_of(database, is_batched=is_batched, event_type=batch[0]["type"])
            parts_out.append(_command("PUBLISH", channel, envelope(batch, is_batched=is_batched)))
        link.sendall(b"".join(parts_out))
        seen = 0
        while seen < answers:
            seen += link.recv(1 << 16).count(b"\n")
        wait = begin + sent / rate - time.monotonic() if rate else 0.0
        if wait > 0:
            time.sleep(min(wait, _TICK_S))
    link.close()
    return sent


def _command(*words: str | bytes) -> bytes:
    encoded = [word.encode() if isinstance(word, str) else word for word in words]
    return b"".join([b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)])


if __name__ == "__main__":
    print(publish(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), is_batched=sys.argv[4] == "batched"))
