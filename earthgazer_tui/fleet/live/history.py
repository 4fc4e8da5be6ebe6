"""History and audit from the database, as shown; blocks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from earthgazer_core.db.session import now
from earthgazer_core.operations import actions, percentiles
from earthgazer_core.operations import history as operations
from earthgazer_core.operations.local_audit import LocalAudit
from earthgazer_tui.fleet.live import sanitise
from earthgazer_tui.fleet.models import History, HistoryGroup, OperatorAction, Percentiles

_MOST_ITEMS = 3
"""Members of a list that are named."""


def read_history(session: Session, span: timedelta, by: str, with_times: bool) -> History:
    """Return what ended within the span before now, by ``task`` or ``queue``."""
    until, group_by = now(session), operations.GroupBy(by)
    found = operations.read_history(session, until - span, until, by=group_by, with_slot_times=with_times)
    groups = tuple(_group(group) for group in (found.total, *found.groups))
    return History(found.since, found.until, found.slot_s, found.is_rounded, groups)


def list_actions(session: Session, text: str = "", limit: int = 500) -> tuple[OperatorAction, ...]:
    """Return what operators did, newest first."""
    return _actions(actions.list_actions(session, words=text, limit=limit))


def local_actions(audit: LocalAudit, text: str = "", limit: int = 500) -> tuple[OperatorAction, ...]:
    """Return what operators did by the audit file, newest first."""
    return _actions(audit.read(text, limit))


def _actions(found: Iterable[actions.OperatorAction]) -> tuple[OperatorAction, ...]:
    return tuple(
        OperatorAction(
            number=action.number,
            at=action.at,
            who=sanitise.name(action.who),
            origin=sanitise.name(action.origin or ""),
            context=sanitise.name(action.context or ""),
            action=sanitise.name(action.action),
            target=words(action.target),
            outcome=sanitise.name(action.outcome),
            detail=words(action.detail),
        )
        for action in found
    )


def words(values: Mapping[str, Any]) -> str:
    """Return what was noted in one line for people: ``queue steps, n 3``."""
    parts = [f"{name.replace('_', ' ')} {_value(value)}" for name, value in values.items()]
    # The database keeps no order; what is short is a name, and seldom cut.
    return sanitise.url(", ".join(sorted(parts, key=len)))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        more = len(value) - _MOST_ITEMS
        shown = " ".join(_value(one) for one in value[:_MOST_ITEMS]) or "none"
        return shown + (f" and {more} more" if more > 0 else "")
    return json.dumps(value, ensure_ascii=False)


def _group(group: operations.Group) -> HistoryGroup:
    return HistoryGroup(
        name="all" if group.is_total else sanitise.name(group.name or "(unknown)"),
        is_total=group.is_total,
        count=group.count,
        failed=group.failed,
        failed_percent=group.failed_percent,
        run=_percentiles(group.run),
        wait=_percentiles(group.wait),
        throughput=tuple(slot.count for slot in group.ended),
        failures=tuple(slot.failed for slot in group.ended),
        run_times=tuple(_percentiles(slot.run) for slot in group.ended),
        wait_times=tuple(_percentiles(slot.wait) for slot in group.ended),
    )


def _percentiles(took: percentiles.Percentiles) -> Percentiles:
    return Percentiles(took.p50, took.p95, took.p99)
