"""Disks that are nearly full."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, size
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations


def _examine(seen: Observations) -> Iterator[Finding]:
    for disk in seen.disks:
        share = disk.free_bytes / disk.total_bytes if disk.total_bytes else 0.0
        if share >= seen.thresholds.disk_share or disk.free_bytes >= seen.thresholds.disk_bytes:
            continue
        yield finding(
            DISK.id,
            Severity.CRITICAL if share < seen.thresholds.disk_share / 4 else Severity.WARNING,
            f"disk of {disk.path}",
            f"{size(disk.free_bytes)} of {size(disk.total_bytes)} free, {100 * share:.1f} %",
            f"du -xh --max-depth=1 {shlex.quote(disk.path)} | sort -h",
        )


DISK = Check("disk-nearly-full", "Is there room on the disks?", _examine)
