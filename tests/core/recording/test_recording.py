"""Recordings written, cut off, rotated and read again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.errors import InvalidInputError, NotFoundError
from earthgazer_core.operations.broker import BrokerSnapshot, QueueState
from earthgazer_core.operations.workers import ActiveTask, WorkerReport
from earthgazer_core.recording.frames import (
    Beginning,
    BrokerNoted,
    EventsHeard,
    Frame,
    QueuesSeen,
    WorkerAsked,
    from_line,
    to_line,
)
from earthgazer_core.recording.reader import RecordingReader
from earthgazer_core.recording.writer import Limits, RecordingWriter

SNAPSHOT = BrokerSnapshot(
    datetime(2026, 3, 1, 3, 12, tzinfo=UTC), (QueueState("cpu", 4, ((0, 1), (3, 3)), 2, 8.5, 1),), 2, 60.0
)
REPORT = WorkerReport(
    hostname="cpu1@vm", pool="prefork", pool_size=2, processes=(11, 12), pid=10, prefetch=2, processed=9,
    uptime_s=60.0, memory_bytes=1 << 20, queues=("cpu",),
    active=(ActiveTask("a1", "t", 11, datetime(2026, 3, 1, 3, 11, tzinfo=UTC), "()", "{}"),),
    reserved=1, scheduled=0, autoscale=(1, 4), resize_refusal="",
)  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def event(n: int) -> dict[str, object]:
    return {"type": "task-sent", "uuid": f"id-{n}", "timestamp": 1000.0 + n}


@pytest.mark.parametrize(
    "content",
    [Beginning(1, "redis://b/0", 3), QueuesSeen(SNAPSHOT), WorkerAsked(REPORT), BrokerNoted(False, "away")],
)
def test_looks_come_back_as_they_were(content: Beginning | QueuesSeen | WorkerAsked | BrokerNoted) -> None:
    assert from_line(to_line(Frame(12.5, content))) == Frame(12.5, content)


@given(st.lists(st.dictionaries(st.text(), json_values, max_size=4), max_size=4))
def test_any_event_becomes_a_line_that_can_be_read(events: list[dict[str, object]]) -> None:
    line = to_line(Frame(1.0, EventsHeard(events)))
    assert line.count(b"\n") == 1
    read = from_line(line).content
    assert isinstance(read, EventsHeard)
    assert len(read.events) == len(events)
    pairs = list(zip(read.events, events, strict=True))
    assert all(kept == sent for kept, sent in pairs if not _is_odd(sent))


def _is_odd(value: object) -> bool:
    if isinstance(value, dict):
        return any(_is_odd(key) or _is_odd(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_is_odd, value))
    if isinstance(value, str):
        return any("\ud800" <= char <= "\udfff" for char in value)
    return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 63


@given(st.binary(max_size=200))
def test_any_other_bytes_are_no_line(garbage: bytes) -> None:
    with pytest.raises(InvalidInputError, match="not a line of a recording"):
        from_line(garbage)


def test_segments_are_numbered_private_and_given_up_oldest_first(tmp_path: Path) -> None:
    name = tmp_path / "night.egr"
    with RecordingWriter(name, "redis://b/0", Limits(segment_s=10.0, total_bytes=1), at=1e9) as writer:
        for second in range(100):
            writer.write(EventsHeard([event(second)]), at=1e9 + second)
    [segment] = tmp_path.iterdir()
    assert segment.stat().st_mode & 0o777 == 0o600
    reader = RecordingReader(name)
    assert [frame.content for frame in reader.frames()][-1] == EventsHeard([event(99)])
    assert reader.end() == 1e9 + 99


def test_a_recording_goes_on_after_its_last_segment(tmp_path: Path) -> None:
    name = tmp_path / "night.egr"
    for n in range(2):
        with RecordingWriter(name, "redis://b/0") as writer:
            writer.write(EventsHeard([event(n)]))
    reader = RecordingReader(name)
    assert [segment.path.name for segment in reader.segments] == ["night.000001.egr", "night.000002.egr"]
    heard = [frame.content.events[0] for frame in reader.frames() if isinstance(frame.content, EventsHeard)]
    assert heard == [event(0), event(1)]
    assert len(list(RecordingReader(tmp_path / "night.000002.egr").frames())) == 2


def test_a_jump_leaves_out_segments_that_end_before(tmp_path: Path) -> None:
    name, start = tmp_path / "night.egr", 1e9
    with RecordingWriter(name, "redis://b/0", Limits(segment_s=10.0), at=start) as writer:
        for second in range(40):
            writer.write(EventsHeard([event(second)]), at=start + second)
    reader = RecordingReader(name)
    first = next(frame for frame in reader.frames(start + 25) if isinstance(frame.content, EventsHeard))
    assert start + 10 < first.at <= start + 25


def test_what_a_killed_recorder_flushed_can_be_read(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from earthgazer_core.recording.frames import EventsHeard
from earthgazer_core.recording.writer import RecordingWriter
writer = RecordingWriter(Path(sys.argv[1]), "redis://b/0")
for n in range(1000):
    writer.write(EventsHeard([{"uuid": str(n)}]))
writer.flush()
writer.write(EventsHeard([{"uuid": "never flushed"}]))
print("ready", flush=True)
time.sleep(60)
"""
    name = tmp_path / "night.egr"
    process = subprocess.Popen([sys.executable, "-c", script, str(name)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    reader = RecordingReader(name)
    assert sum(isinstance(frame.content, EventsHeard) for frame in reader.frames()) == 1000


def test_damage_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    name = tmp_path / "night.egr"
    for n in range(2):
        with RecordingWriter(name, "redis://b/0") as writer:
            for i in range(2000):
                writer.write(EventsHeard([event(10_000 * n + i)]))
    first = tmp_path / "night.000001.egr"
    first.write_bytes(first.read_bytes()[:-2000])
    reader = RecordingReader(name)
    frames = list(reader.frames())
    assert frames[-1].content == EventsHeard([event(11_999)])
    assert len(frames) < 4002
    assert reader.damage.lines or reader.damage.files


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"night\.000001\.egr"):
        RecordingReader(tmp_path / "night.egr")
    other = tmp_path / "photo.png"
    other.write_bytes(b"\x89PNG not ours")
    with pytest.raises(InvalidInputError, match="no recording of"):
        RecordingReader(other)
    newer = tmp_path / "newer.egr"
    with RecordingWriter(newer, "redis://b/0") as writer:
        writer.write(Beginning(2, "redis://b/0", 1))
    with pytest.raises(InvalidInputError, match="can't record to"):
        RecordingWriter(other / "night.egr", "redis://b/0")
