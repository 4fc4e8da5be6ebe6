"""The flow: one frame at a time, told by the terminal's own answer."""

from __future__ import annotations

from earthgazer_tui.terminal.flow import PATIENCE_S, Flow


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def is_open(flow: Flow) -> bool:
    return flow.is_open


def test_a_terminal_that_answers_is_waited_for() -> None:
    flow = Flow()
    assert is_open(flow)
    flow.sent(100)
    flow.written(100)
    assert is_open(flow)  # whether it answers is not known yet
    assert flow.answered()
    flow.sent(200)
    flow.written(200)
    assert not is_open(flow)
    assert flow.answered()
    assert is_open(flow)


def test_one_that_never_answers_is_fed_as_its_line_takes_it() -> None:
    flow = Flow()
    flow.sent(100)
    assert not is_open(flow)
    flow.written(60)
    assert not is_open(flow)
    flow.written(100)
    assert is_open(flow)
    assert not flow.is_answer_due


def test_a_lost_answer_is_given_up_and_the_next_one_counts_again() -> None:
    clock = Clock()
    flow = Flow(clock)
    flow.sent(1)
    flow.answered()
    flow.sent(2)
    flow.written(2)
    assert not flow.give_up()
    clock.now = PATIENCE_S
    assert flow.give_up()
    assert is_open(flow)
    flow.sent(3)
    flow.written(3)
    assert flow.answered()
    flow.sent(4)
    assert flow.is_answer_due


def test_an_answer_nobody_asked_for_changes_nothing() -> None:
    flow = Flow()
    assert not flow.answered()
    flow.sent(1)
    flow.written(1)
    assert is_open(flow)
