"""What tells messages apart, in little room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from earthgazer_core.operations.queues.stored import Digests, digest_of


@given(st.lists(st.integers(0, 500)), st.lists(st.integers(0, 500)))
def test_digests_hold_what_was_added_and_nothing_else(added: list[int], asked: list[int]) -> None:
    digests = Digests()
    for number in added:
        digests.add(digest_of(b"%d" % number))
    assert bool(digests) == bool(added)
    assert all((digest_of(b"%d" % number) in digests) == (number in added) for number in asked)


def test_a_digest_is_not_found_across_two_others() -> None:
    digests = Digests()
    digests.add("ab" * 2 + "00" * 18)
    digests.add("ab" * 2 + "11" * 18)
    # The end of the first and the begin of the second, were one to look at bytes alone.
    assert "00" * 18 + "ab" * 2 not in digests
    assert "ab" * 2 + "11" * 18 in digests
