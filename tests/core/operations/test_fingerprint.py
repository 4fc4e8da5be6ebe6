"""Failures of the same kind have the same fingerprint, whatever they were about."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.operations.fingerprint import fingerprint, normalised, own_frame

OURS = """Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/celery/app/trace.py", line 453, in trace_task
    R = retval = fun(*args, **kwargs)
  File "/srv/app/{folder}/tasks.py", line {line}, in compute
    read(path)
  File "/usr/lib/python3/site-packages/rasterio/io.py", line 12, in read
    raise LookupError
LookupError: band
"""
INSTALLED = """Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/celery/app/trace.py", line 453, in trace_task
  File "/venv/lib/python3.11/site-packages/earthgazer_core/tasks/base.py", line 33, in __call__
  File "/venv/lib/python3.11/site-packages/earthgazer_core/raster/read.py", line 80, in open_band
  File "/venv/lib/python3.11/site-packages/rasterio/io.py", line 12, in read
  File "/usr/lib/python3.11/json/decoder.py", line 12, in decode
"""


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("no capture 17", "no capture <n>"),
        ("band 'B04' is missing", "band <text> is missing"),
        ('no "B04", no `B08`', "no <text>, no <text>"),
        ("/data/s2/T32.tif: not found", "<path>: not found"),
        (r"C:\data\x.tif not found", "<path> not found"),
        ("task 0b3e9a52-64c1-4c6f-a4b2-1f3f4d6a7b8c died", "task <id> died"),
        ("<Lock at 0x7f12ab34cd>", "<Lock at <n>>"),
        ("sha256 deadbeef0123456789 differs", "sha<n> <n> differs"),
        ("GET https://a.example/x?id=5: 503", "GET <url> <n>"),
        ("took 12.5 s on 2026-11-22 10:00:01", "took <n> s on <n> <n>"),
        ("it's  the\n user's", "it's the user's"),
        ("", ""),
        ("cloud cover", "cloud cover"),
    ],
)
def test_what_differs_is_replaced(message: str, kept: str) -> None:
    assert normalised(message) == kept


@given(st.integers(), st.uuids(), st.text("abcdefgh", min_size=1, max_size=9), st.integers(0, 2**64))
def test_values_make_no_difference(number: int, some_id: uuid.UUID, word: str, address: int) -> None:
    def message(number: object, some_id: object, word: str, address: int) -> str:
        return f"capture {number} of {some_id} in /data/{word}/{number}.tif: {word!r} at 0x{address:x}"

    one, other = message(number, some_id, word, address), message(1, uuid.UUID(int=0), "x", 0)
    assert normalised(one) == normalised(other)
    assert fingerprint("t", "E", one, None) == fingerprint("t", "E", other, None)


@given(st.text() | st.text("'\"`a1 -/:.x~<>", max_size=30))
def test_any_text_is_read_and_no_number_is_left(message: str) -> None:
    kept = normalised(message)
    assert not any(letter.isdecimal() for letter in kept)
    assert len(kept) <= 300


@given(st.text(), st.text(), st.text(), st.text())
def test_any_failure_has_a_fingerprint(name: str, kind: str, message: str, traceback: str) -> None:
    one = fingerprint(name, kind, message, traceback)
    assert len(one.key) == 12
    assert one == fingerprint(name, kind, message, traceback)
    assert one.key != fingerprint(name + "x", kind, message, traceback).key


def test_the_frame_is_the_last_one_in_own_code() -> None:
    assert own_frame(OURS.format(folder="jobs", line=3)) == "jobs/tasks.py:compute"
    assert own_frame(OURS.format(folder="jobs", line=99)) == "jobs/tasks.py:compute"
    assert own_frame(INSTALLED) == "raster/read.py:open_band"
    assert own_frame("LookupError: no traceback") == ""
    assert own_frame("") == ""
    alone = '  File "/venv/lib/python3.11/site-packages/celery/app/trace.py", line 4, in trace'
    assert own_frame(alone) == ""


def test_another_place_is_another_kind() -> None:
    one = fingerprint("t", "E", "m", OURS.format(folder="jobs", line=3))
    assert one.key == fingerprint("t", "E", "m", OURS.format(folder="jobs", line=4)).key
    assert one.key != fingerprint("t", "E", "m", OURS.format(folder="others", line=3)).key
    assert one.key != fingerprint("t", "F", "m", OURS.format(folder="jobs", line=3)).key
