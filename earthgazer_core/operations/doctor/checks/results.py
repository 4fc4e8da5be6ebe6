"""Results of tasks that pile up, since nobody reads them or they never expire."""

from __future__ import annotations

from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, counted, size
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations

_MOSTLY = 0.5


def _examine(seen: Observations) -> Iterator[Finding]:
    results, limits = seen.results, seen.thresholds
    if results is None or not results.sampled:
        return
    forever = results.count * results.forever / results.sampled
    is_kept = forever > limits.results_forever
    is_much = results.count > limits.results_many or results.size_bytes > limits.results_bytes
    # Where the server doesn't say who read what, so many are told of all the same.
    is_unread = results.unread is None or results.unread >= _MOSTLY * results.sampled
    if not is_kept and not (is_much and is_unread):
        return
    parts = [
        f"{'' if results.is_all else 'more than '}{counted(results.count, 'result')}"
        f" take about {size(results.size_bytes)}"
    ]
    if results.unread is not None:
        parts.append(f"of {results.sampled} looked at, nobody has read {results.unread}")
    if results.forever:
        parts.append(f"{results.forever} of {results.sampled} never expire")
    yield finding(
        PILING_UP.id, Severity.WARNING, "result backend", "; ".join(parts),
        "result_expires = 3600" if is_kept else "ignore_result = True on tasks whose result nobody reads",
    )  # fmt: skip


PILING_UP = Check("results-pile-up", "Does somebody read the results that are kept?", _examine)
