"""What can be typed into filter lines, for help and completion."""

from __future__ import annotations

FilterHelp = tuple[tuple[str, str], ...]
"""(what is typed, what it finds)."""

WORDS: FilterHelp = (("word word", "rows that hold all of these words"),)
"""Of lists that know words alone."""

_SIGNS: FilterHelp = (
    *WORDS,
    ('"two words"', "both, one after the other"),
    ("-word", "rows without it; NOT before a word or a field:value does the same"),
)

TASKS: FilterHelp = (
    *_SIGNS,
    ("state:", "failed, running, waiting, success, … ; several with commas between"),
    ("name:", "task name; * stands for anything, = before it for all of it: name:=io.download"),
    ("queue:", "queue name"),
    ("worker:", "node name of the worker"),
    ("error:", "exception class or message"),
    ("runtime:", "time that it ran, or has run so far: >30, <2m, 10..60"),
    ("wait:", "time from publishing to its start, or so far"),
    ("since:", "changed in the last 2h, or since 2026-11-01"),
    ("before:", "last changed more than 2h ago, or before 2026-11-01"),
    ("capture:", "number of the capture"),
    ("run:", "id of the workflow run"),
    ("id:", "task id, or its beginning with * behind it"),
    ("retries:", "automatic retries: >2"),
    ("attempt:", "1, and one more for each retry by an operator"),
    ("text:", "anywhere in id, name, queue, worker, error or arguments"),
)

CAPTURES: FilterHelp = (
    *_SIGNS,
    ("location:", "name of the location"),
    ("mission:", "SENTINEL-2A, landsat, …"),
    ("cloud:", "percent of cloud: <20"),
    ("since:", "sensed in the last 30d, or since 2026-11-01"),
    ("tile:", "MGRS tile"),
    ("product:", "product id"),
    ("level:", "L2A, L1C, …"),
    ("source:", "catalogue it comes from"),
    ("id:", "number of the capture: 7, >100"),
)
