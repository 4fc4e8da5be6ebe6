"""The Redis server: answers, memory, what it may throw away, what outlives a restart, and who was cut off."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from earthgazer_core.operations.doctor.checks.check import Check, counted, listed, size
from earthgazer_core.operations.doctor.finding import Finding, Severity, finding
from earthgazer_core.operations.doctor.observations import Observations
from earthgazer_core.operations.doctor.remedy import Cure, Remedy


def _reachable(seen: Observations) -> Iterator[Finding]:
    if seen.broker_problem:
        yield finding(
            REACHABLE.id, Severity.CRITICAL, "broker", seen.broker_problem,
            "start the broker, or correct EARTHGAZER__CELERY__BROKER_URL",
        )  # fmt: skip
    elif seen.results_problem:
        yield finding(
            REACHABLE.id, Severity.CRITICAL, "result backend", seen.results_problem,
            "start it, or correct EARTHGAZER__CELERY__RESULT_BACKEND",
        )  # fmt: skip


def _memory(seen: Observations) -> Iterator[Finding]:
    if seen.broker is None:
        return
    server = seen.broker.server
    limit = server.limit_bytes or server.machine_bytes
    share = server.used_bytes / limit if limit else 0.0
    if share >= seen.thresholds.memory_share:
        what = "maxmemory" if server.limit_bytes else "the machine's memory"
        yield finding(
            MEMORY.id, Severity.CRITICAL if share >= 0.95 else Severity.WARNING, "broker",
            f"{size(server.used_bytes)} of {size(limit)} used, {100 * share:.0f} % of {what}",
            "shorten result_expires, purge what nobody reads, or raise maxmemory",
        )  # fmt: skip


def _eviction(seen: Observations) -> Iterator[Finding]:
    if seen.broker is None or not seen.broker.server.limit_bytes:
        return
    policy = seen.broker.server.policy
    if policy and policy != "noeviction":
        drops = "queued messages" if policy.startswith("allkeys") else "results and chords' counters"
        yield finding(
            EVICTION.id, Severity.CRITICAL if policy.startswith("allkeys") else Severity.WARNING, "broker",
            f"maxmemory-policy is {policy}: when memory is full, {drops} are thrown away silently",
            "redis-cli CONFIG SET maxmemory-policy noeviction",
            Remedy(Cure.CONFIGURE_BROKER, ("maxmemory-policy", "noeviction")),
        )  # fmt: skip


def _persistence(seen: Observations) -> Iterator[Finding]:
    if seen.broker is None:
        return
    server = seen.broker.server
    if server.write_errors:
        yield finding(
            PERSISTENCE.id, Severity.CRITICAL, "broker",
            f"its last write to disk failed ({', '.join(server.write_errors)}): it may refuse messages",
            "free its disk, then redis-cli BGSAVE",
        )  # fmt: skip
    if server.is_persistent is False:
        yield finding(
            PERSISTENCE.id, Severity.WARNING, "broker",
            "neither append-only file nor snapshots: a restart loses every queued message",
            "redis-cli CONFIG SET appendonly yes",
            Remedy(Cure.CONFIGURE_BROKER, ("appendonly", "yes")),
        )  # fmt: skip


def _cut_off(seen: Observations) -> Iterator[Finding]:
    if seen.broker is not None and (cut := seen.broker.server.cut_subscribers):
        yield finding(
            CUT_OFF.id, Severity.INFO, "broker",
            f"{counted(cut, 'client')} cut off for reading too slowly since it started: events were lost",
            "redis-cli CONFIG SET client-output-buffer-limit 'pubsub 64mb 32mb 60'",
        )  # fmt: skip


def _replies(seen: Observations) -> Iterator[Finding]:
    orphans = seen.broker.server.orphan_replies if seen.broker else ()
    if orphans:
        keys = sorted(orphans, key=lambda one: -one.size_bytes)
        yield finding(
            REPLIES.id, Severity.WARNING, "broker",
            f"{counted(len(orphans), 'list')} of answers that nobody fetches,"
            f" {size(sum(one.size_bytes for one in keys))} in all: {listed(one.key for one in keys)}",
            f"redis-cli DEL {' '.join(shlex.quote(one.key) for one in keys[:20])}",
            Remedy(Cure.DELETE_REPLIES, tuple(one.key for one in keys)),
        )  # fmt: skip


REACHABLE = Check("broker-unreachable", "Do broker and result backend answer?", _reachable)
MEMORY = Check("broker-memory", "Has the broker memory left?", _memory)
EVICTION = Check("broker-evicts", "Does the broker keep what it was given?", _eviction)
PERSISTENCE = Check("broker-persistence", "Do messages outlive a restart of the broker?", _persistence)
CUT_OFF = Check("slow-subscribers", "Were clients cut off for reading too slowly?", _cut_off)
REPLIES = Check("orphan-replies", "Do answers pile up that nobody fetches?", _replies)
