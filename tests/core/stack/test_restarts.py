"""When something that died may live again."""

from __future__ import annotations

from earthgazer_core.stack.restarts import Restarts
from tests.core.stack.polling import eventually


def test_the_first_restart_is_due_soon() -> None:
    restarts = Restarts()
    restarts.started()
    assert not restarts.is_due
    restarts.died()
    assert eventually(lambda: restarts.is_due, "the first restart", timeout_s=2.0)
    restarts.started()
    assert not restarts.is_due


def test_what_dies_again_and_again_is_given_up() -> None:
    restarts = Restarts()
    lives = 0
    while not restarts.are_used_up:
        restarts.started()
        restarts.died()
        lives += 1
    assert lives == 9
    assert restarts.count == 9
    assert not restarts.is_due
