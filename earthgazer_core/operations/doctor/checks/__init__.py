"""Every check, in the order in which findings of the same severity are told."""

from earthgazer_core.operations.doctor.checks import (
    beats,
    chords,
    clocks,
    database,
    disk,
    messages,
    queues,
    redis_server,
    results,
    schedule,
    settings,
    unacked,
    workers,
)
from earthgazer_core.operations.doctor.checks.check import Check

CHECKS: tuple[Check, ...] = (
    redis_server.REACHABLE,
    database.REACHABLE,
    database.BEHIND,
    workers.MISSING,
    workers.SILENT,
    workers.DUPLICATE,
    workers.EMPTY_POOL,
    queues.PAUSED,
    queues.WITHOUT_CONSUMER,
    queues.UNDELIVERED,
    queues.UNREGISTERED,
    unacked.UNACKED_OLD,
    messages.UNREAD,
    messages.ETA,
    messages.EXPIRED,
    messages.REVOKED,
    messages.RATE_LIMITED,
    workers.PREFETCHED,
    chords.CHORD_LOST,
    schedule.LATE,
    beats.TWO_BEATS,
    redis_server.MEMORY,
    redis_server.EVICTION,
    redis_server.PERSISTENCE,
    redis_server.REPLIES,
    redis_server.CUT_OFF,
    results.PILING_UP,
    database.SLOW,
    disk.DISK,
    clocks.CLOCKS,
    settings.EVENTS,
    settings.SENT_EVENTS,
    settings.RESULT_EXTENDED,
    settings.TRACK_STARTED,
)
"""All of them."""

__all__ = ["CHECKS", "Check"]
