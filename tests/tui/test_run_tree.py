from __future__ import annotations

from datetime import timedelta

from earthgazer_tui.fleet.models import StageState
from earthgazer_tui.widgets.run_tree import step_name, step_note, step_progress, step_state, with_guides
from earthgazer_tui.widgets.stage_bar import BAR_WIDTH, progress_bar, stage_bar
from tests.tui.builders import NOW, STAGES, a_step


def test_guides_join_children_to_their_parent() -> None:
    steps = [a_step(str(i), depth=depth) for i, depth in enumerate((0, 1, 2, 2, 1, 0, 1))]

    guides = [item.guide for item in with_guides(steps, NOW)]

    assert guides == ["", "├ ", "│ ├ ", "│ └ ", "└ ", "", "└ "]


def test_a_chord_tells_how_many_of_its_header_are_done() -> None:
    (item,) = with_guides([a_step("a", state="FUTURE", joined=(3, 5))], NOW)

    assert step_state(item).plain == "to come"
    assert step_progress(item).plain == "3 of 5"
    assert step_name(item).plain == "· backup_capture #7"


def test_a_running_step_tells_its_progress_and_how_long_it_has_been_running() -> None:
    step = a_step(
        "a", state="PROGRESS", percent=50.0, started_at=NOW - timedelta(seconds=75), finished_at=None
    )
    (item,) = with_guides([step], NOW)

    assert step_progress(item).plain == "███···  50%"
    assert item.elapsed == "1m15s"


def test_an_error_is_told_in_place_of_what_the_step_was_doing() -> None:
    (item,) = with_guides([a_step("a", state="FAILURE", error="[/] no such band", stage="reading")], NOW)

    assert step_note(item).plain == "[/] no such band"


def test_a_state_not_known_is_shown_as_it_is() -> None:
    (item,) = with_guides([a_step("a", state="CUSTOM")], NOW)

    assert step_state(item).plain == "custom"


def test_stages_are_told_apart_without_colour() -> None:
    stages = [
        StageState(stage, state)
        for stage, state in zip(STAGES, ("done", "done", "running", "failed", "skipped", "none"), strict=True)
    ]

    assert stage_bar(stages).plain == "D✓B✓L▸S✗N–R·"
    assert stage_bar(()).plain == "D·B·L·S·N·R·"
    assert stage_bar(stages).cell_length == BAR_WIDTH


def test_a_progress_bar_keeps_to_its_width() -> None:
    for percent in (-5, 0, 1, 33.3, 50, 99.9, 100, 250):
        assert progress_bar(percent, 10).cell_length == 10
    assert progress_bar(0, 4).plain == "····"
    assert progress_bar(100, 4).plain == "████"
