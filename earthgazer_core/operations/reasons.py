"""Why something went wrong, in a few words."""

from __future__ import annotations


def reason_of(error: BaseException | None) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    # What gives up waiting for an answer says nothing.
    unsaid = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
    return next(iter(str(error).strip().splitlines()), unsaid)
