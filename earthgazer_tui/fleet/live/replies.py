"""Workers' answers as shown: each in its own words, and who said nothing."""

from __future__ import annotations

from earthgazer_core.operations.mailbox import Answers
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.models import Reply


def replies_of(answers: Answers, timeout_s: float) -> tuple[Reply, ...]:
    """Return the answers in order of arrival, then those that were waited for in vain."""
    return (
        *(
            Reply(sanitise.name(answer.worker), answer.is_ok, sanitise.line(answer.text))
            for answer in answers.answers
        ),
        *(
            Reply(sanitise.name(worker), False, f"no answer in {timeout_s:.1f} s")
            for worker in answers.silent
        ),
    )
