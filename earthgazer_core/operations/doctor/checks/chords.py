"""Chords whose body will never run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, counted, span
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Chord, Observations


def lost_reason(seen: Observations, chord: Chord) -> str:
    """Return why a chord's body will not run; empty where it may."""
    if chord.ended_at is None:
        if chord.has_keys is False:
            return (
                f"{counted(chord.open_members, 'member')} of its header still open, and the result backend"
                " has lost its count (expired or emptied): its body will never run"
            )
        return ""
    waited_s = (seen.at - chord.ended_at).total_seconds()
    if waited_s < seen.thresholds.chord_wait_s:
        return ""
    lost = ", and the result backend has lost its count" if chord.has_keys is False else ""
    return f"its whole header ended {span(waited_s)} ago and its body was never sent{lost}"


def _examine(seen: Observations) -> Iterator[Finding]:
    for chord in seen.database.chords if seen.database else ():
        reason = lost_reason(seen, chord)
        if reason:
            yield finding(
                CHORD_LOST.id, Severity.CRITICAL, f"chord body {chord.body_name} {chord.body_id}", reason,
                f"earthgazer workflows resume {shlex.quote(chord.run_id)}",
            )  # fmt: skip


CHORD_LOST = Check("chord-lost", "Will every chord's body run?", _examine)
