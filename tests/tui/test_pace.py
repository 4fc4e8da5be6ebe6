from __future__ import annotations

from earthgazer_tui.state.pace import BURST, Pace


def test_after_a_rest_several_turns_come_at_once_and_then_one_each_period() -> None:
    now = [0.0]
    pace = Pace(0.5, lambda: now[0])
    for _ in range(int(BURST)):
        assert pace.wait_s() == 0
        pace.spend()
    assert pace.wait_s() == 0.5
    now[0] = 0.2
    assert abs(pace.wait_s() - 0.3) < 1e-9
    now[0] = 0.5
    assert pace.wait_s() == 0
    pace.spend()
    assert pace.wait_s() == 0.5


def test_no_rest_saves_up_more_than_a_burst() -> None:
    now = [0.0]
    pace = Pace(0.5, lambda: now[0])
    now[0] = 1000.0
    for _ in range(int(BURST)):
        pace.spend()
    assert pace.wait_s() == 0.5
