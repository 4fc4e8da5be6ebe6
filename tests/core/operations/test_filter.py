"""The filter language: what it says, where it makes no sense, and that memory and database agree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from earthgazer_core.db.session import Database
from earthgazer_core.db.tables import TaskExecutionRow
from earthgazer_core.operations.filter import Filter, FilterError, Term, matcher, parse, where
from earthgazer_core.operations.filter.expression import Match, Moment, Range, Text

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def task(**values: Any) -> dict[str, Any]:
    return {"task_id": "a1", "name": "steps.add", "state": "SUCCESS", "updated_at": NOW, **values}


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ("", ()),
        ("ndvi", (Term("text", (Text("ndvi", Match.CONTAINS),)),)),
        ("NDVI,b", (Term("text", (Text("NDVI,b", Match.CONTAINS),)),)),
        ('-"no such"', (Term("text", (Text("no such", Match.CONTAINS),), True),)),
        ("NOT NOT x", (Term("text", (Text("x", Match.CONTAINS),)),)),
        ("NOTE", (Term("text", (Text("NOTE", Match.CONTAINS),)),)),
        (
            "state:failure,revoked",
            (Term("state", (Text("FAILURE", Match.EQUALS), Text("REVOKED", Match.EQUALS))),),
        ),
        ("state:running", (Term("state", (Text("STARTED", Match.EQUALS), Text("PROGRESS", Match.EQUALS))),)),
        ("task:steps.*", (Term("name", (Text("steps.*", Match.GLOB),)),)),
        ('name:"a*"', (Term("name", (Text("a*", Match.CONTAINS),)),)),
        ("queue:=io", (Term("queue", (Text("io", Match.EQUALS),)),)),
        ("runtime:>30", (Term("runtime", (Range(low=30.0, has_low=False),)),)),
        ("wait:1m..2m", (Term("wait", (Range(60.0, 120.0),)),)),
        ("retries:..3", (Term("retries", (Range(high=3),)),)),
        ("capture:12", (Term("capture", (Range(12, 12),)),)),
        ("since:2h", (Term("since", (Moment(ago=timedelta(hours=2)),)),)),
        ("before:2026-11-01", (Term("before", (Moment(at=datetime(2026, 11, 1, tzinfo=UTC)),)),)),
        (r'error:"a \"b\" \\ c"', (Term("error", (Text(r'a "b" \ c', Match.CONTAINS),)),)),
    ],
)
def test_a_line_says(line: str, terms: tuple[Term, ...]) -> None:
    assert parse(line) == Filter(terms)


@pytest.mark.parametrize(
    ("line", "position", "words"),
    [
        ("ok colour:red", 3, "no field colour"),
        ("stat:failure", 0, "did you mean state:"),
        ("state:", 6, "missing"),
        ("state:failure,", 14, "missing"),
        ("a -", 2, "has to follow"),
        ("NOT", 0, "has to follow"),
        ('x "open', 2, "no end"),
        ('"a"b', 3, "space"),
        ("runtime:30", 8, "exactly"),
        ("runtime:>soon", 8, "time span"),
        ("runtime:>1..2", 8, "range takes no"),
        ("capture:x", 8, "whole number"),
        ("retries:..", 8, "at least one end"),
        ("since:yesterday", 6, "a time is expected"),
        ("since:>2h", 6, "follows the colon"),
        ("since:1h,2h", 9, "one time"),
        ("name:>a", 5, "can't be compared"),
        ("since:99999999999w", 6, "hundred years"),
        ("nul\0", 3, "can't be looked for"),
    ],
)
def test_an_error_shows_where(line: str, position: int, words: str) -> None:
    with pytest.raises(FilterError, match=words) as caught:
        parse(line)
    assert caught.value.position == position
    assert caught.value.pointer == f"{line}\n{' ' * position}^"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("ADD", True),
        ("add -steps", False),
        ("name:s*d", True),
        ("name:s*x", False),
        ("-queue:io", True),
        ("queue:io", False),
        ("runtime:>30", True),
        ("runtime:>41", False),
        ("wait:<=5 wait:>=5", True),
        ("since:1h before:1h", False),
        ("since:0s", True),
        ("state:succeeded attempt:1..2", True),
        ("capture:7,9", True),
        ("error:timeout", True),
    ],
)
def test_a_task_matches(line: str, wanted: bool) -> None:
    row = task(
        sent_at=NOW - timedelta(seconds=45),
        started_at=NOW - timedelta(seconds=40),
        attempt=2,
        capture_id=9,
        error_type="TimeoutError",
    )
    assert matcher(parse(line), NOW)(row) is wanted


def test_a_value_object_serves_as_well_as_a_mapping() -> None:
    @dataclass(frozen=True)
    class Row:
        name: str
        at: datetime

    row = Row("steps.add", NOW - timedelta(minutes=5))
    assert matcher(parse("add since:10m -worker:x"), NOW)(row)
    assert not matcher(parse("since:1m"), NOW)(row)


@given(st.text(alphabet=st.characters(), max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused(line: str) -> None:
    assert_read_or_refused(line)


@given(st.lists(st.sampled_from([*'":,-.=<>* \\', "state", "runtime", "since", "NOT", "9", "é", "\n", "2h"])))
@settings(max_examples=500, deadline=None)
def test_crooked_lines_are_read_or_refused(parts: list[str]) -> None:
    assert_read_or_refused("".join(parts))


def assert_read_or_refused(line: str) -> None:
    refusal: FilterError | None = None
    parsed = Filter()
    try:
        parsed = parse(line)
    except FilterError as error:
        refusal = error
    if refusal is None:
        assert isinstance(matcher(parsed, NOW)(task()), bool)
    else:
        assert 0 <= refusal.position <= len(line)


_letters = st.text(alphabet="aAbB%_\\*é İß'\"", max_size=4)
_moments = st.integers(-5_000, 5_000).map(lambda ms: NOW - timedelta(milliseconds=ms))
_times = st.none() | _moments
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "name": _letters,
            "state": st.sampled_from(["PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED"]),
            "queue": st.none() | _letters,
            "worker": st.none() | _letters,
            "error_type": st.none() | _letters,
            "error_message": st.none() | _letters,
            "run_id": st.none() | _letters,
            "capture_id": st.none() | st.integers(0, 4),
            "retries": st.integers(0, 3),
            "attempt": st.integers(1, 3),
            "runtime_s": st.none() | st.sampled_from([0.0, 0.1, 1.0, 2.5]),
            "sent_at": _times,
            "started_at": _times,
            "finished_at": _times,
            "updated_at": _moments,
            "args_repr": st.none() | _letters,
            "kwargs_repr": st.none() | _letters,
        }
    ),
    min_size=1,
    max_size=5,
)
_quoted = _letters.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
_numbers = st.sampled_from(["0", "1", ">1", "<2", ">=2", "<=1", "0..1", "..2", "1..", "1,3"])
_spans = st.sampled_from([">0", "<1", ">=1", "<=100ms", "0..2.5", "..1s", "1m..", "<1s,>2s"])
_terms = st.one_of(
    _quoted,
    st.tuples(
        st.sampled_from(["name", "queue", "worker", "error", "id", "run", "text"]),
        st.one_of(
            _quoted,
            st.tuples(_quoted, _quoted).map(",".join),
            st.sampled_from(["a*", "*b", "a*b*", "*", "=a", "é", "%", "_", "\\", "'", '="*"']),
        ),
    ).map(":".join),
    st.tuples(st.just("state"), st.sampled_from(["failure", "running", "success,revoked"])).map(":".join),
    st.tuples(st.sampled_from(["capture", "retries", "attempt"]), _numbers).map(":".join),
    st.tuples(st.sampled_from(["runtime", "wait"]), _spans).map(":".join),
    st.tuples(
        st.sampled_from(["since", "before"]), st.sampled_from(["0s", "1s", "2500ms", "2026-11-20T12:00"])
    ).map(":".join),
)
_lines = st.lists(st.tuples(st.sampled_from(["", "-", "NOT "]), _terms).map("".join), max_size=3).map(
    " ".join
)


@given(rows=_rows, line=_lines)
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_memory_and_database_agree(database: Database, rows: list[dict[str, Any]], line: str) -> None:
    rows = [{**row, "task_id": f"T{number}"} for number, row in enumerate(rows)]
    parsed = parse(line)
    test = matcher(parsed, NOW)
    with database.session() as session:
        session.execute(delete(TaskExecutionRow))
        session.execute(insert(TaskExecutionRow), rows)
        found = set(session.scalars(select(TaskExecutionRow.task_id).where(*where(parsed, NOW))))
    assert found == {row["task_id"] for row in rows if test(row)}
