"""What the end of a console means for the stack."""

from __future__ import annotations

import pytest

from earthgazer_core.stack.leases import Leases
from earthgazer_core.stack.models import Release


def leases(*holders: str, is_detached: bool = False) -> Leases:
    made = Leases(is_detached=is_detached)
    for holder in holders:
        made.take(holder)
    return made


def test_the_last_console_lost_lets_running_work_finish() -> None:
    assert leases("a").release("a", None) is Release.WAIT


@pytest.mark.parametrize("choice", [None, *Release])
def test_another_console_keeps_the_stack_whatever_the_choice(choice: Release | None) -> None:
    held = leases("a", "b")
    assert held.release("a", choice) is None
    assert len(held) == 1


def test_leave_makes_the_stack_outlive_everybody() -> None:
    held = leases("a")
    assert held.release("a", Release.LEAVE) is None
    assert held.is_detached


def test_a_detached_stack_outlives_a_lost_console_but_not_an_explicit_end() -> None:
    held = leases("a", "b", is_detached=True)
    held.release("a", None)
    assert held.release("b", Release.STOP) is Release.STOP
    assert leases("a", is_detached=True).release("a", None) is None


def test_letting_go_twice_counts_once() -> None:
    held = leases("a", "b")
    held.release("a", None)
    assert held.release("a", None) is None
    assert len(held) == 1
