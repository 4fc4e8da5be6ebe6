"""The short form of the chaos campaign: a few kills while some captures are processed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.campaigns.chaos import run_seed
from tests.campaigns.chaos_faults import FAULTS, plan
from tests.campaigns.chaos_journal import Journal, Outcome

SHORT = ("kill cpu", "kill writer", "kill redis", "kill postgres", "kill io child")


@pytest.mark.fleet
@pytest.mark.timeout(300)
def test_captures_survive_some_kills() -> None:
    outcome = run_seed(1, captures=20, within_s=6.0, names=SHORT, is_quiet=True)
    assert outcome.faults == ()
    assert sum(outcome.done.values()) == len(SHORT)
    assert outcome.checks > 20 * 20


def test_a_seed_does_every_kind_of_harm_and_always_the_same() -> None:
    planned = plan(7, within_s=60.0)
    assert planned == plan(7, within_s=60.0)
    assert planned != plan(8, within_s=60.0)
    assert {one.name for one in planned} == set(FAULTS)
    assert [one.at_s for one in planned] == sorted(one.at_s for one in planned)
    assert all(0 < one.at_s < 60 and one.lasts_s >= 3 for one in planned)


def test_a_journal_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.add(Outcome(1, 200, 90.0, 30.0, {"kill cpu": 1}, {}, 2, 100))
    journal.add(Outcome(2, 200, 90.0, 30.0, {"kill cpu": 1}, {}, 2, 100, ("lost",)))
    journal.add(Outcome(3, 20, 90.0, 30.0, {}, {}, 0, 100))
    again = Journal(path)
    assert [again.survived(seed, 200) for seed in (1, 2, 3, 4)] == [True, False, False, False]
    assert len(again.table(range(1, 5))) == 4
    again.add(Outcome(2, 200, 90.0, 30.0, {"kill cpu": 1}, {}, 2, 100))
    assert Journal(path).survived(2, 200)
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 4
