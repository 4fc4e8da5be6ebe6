"""What header and banner say of a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from earthgazer_tui.commands.common import MODES
from earthgazer_tui.fleet.models import ReplayPosition, ServiceState, Snapshot
from earthgazer_tui.state.session import Session
from earthgazer_tui.widgets.queue_cells import coarse
from earthgazer_tui.widgets.status_header import HeaderState, Tab
from earthgazer_tui.wording import clock


def header_state(snapshot: Snapshot, session: Session, mode: str) -> HeaderState:
    """Return what the header shows.

    Args:
        snapshot: The fleet.
        session: The console.
        mode: Textual's name of the mode in front.
    """
    flags = []
    if snapshot.replay is not None:
        flags.append(replay_flag(snapshot.replay))
    elif session.is_read_only or snapshot.is_read_only:
        flags.append("READ-ONLY")
    frozen_at = session.store.frozen_at
    if frozen_at is not None:
        flags.append(f"FROZEN {coarse((datetime.now(UTC) - frozen_at).total_seconds())}")
    return HeaderState(
        context=snapshot.context,
        colour=session.colour,
        flags=tuple(flags),
        services=_services(snapshot),
        tabs=tuple(
            Tab(
                key=command.shown_key(session.keys),
                title=command.title,
                short=command.short,
                count=getattr(snapshot.badges, command.mode, None),
                is_current=command.mode == mode,
                is_alarming=command.mode in ("failed", "schedule", "doctor"),
            )
            for command in MODES
        ),
    )


def replay_flag(position: ReplayPosition) -> str:
    """Return where we are in a recording: ``REPLAY 03-01 03:12:44 ×4 12%``."""
    at = datetime.fromtimestamp(position.at, UTC)
    speed = "stopped" if position.is_paused else f"×{position.speed:g}"
    return f"REPLAY {at:%m-%d %H:%M:%S} {speed} {position.percent:.0f}%"


def _services(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    if snapshot.replay is not None:
        # How they were is in the alerts; a sign up here would mean that they are there now.
        return ()
    return (("broker", snapshot.broker.state.value), ("database", snapshot.database.state.value))


def banner_text(
    snapshot: Snapshot, needs: Sequence[str], trouble: str, without_database: str = ""
) -> tuple[str, str]:
    """Return (text, severity) of the banner; an empty text where all is well.

    Args:
        snapshot: The fleet.
        needs: Services that the screen lives on.
        trouble: Why the screen's last question failed; empty where it didn't.
        without_database: What the screen shows where there is no database; empty for nothing.
    """
    lines = []
    for name in ("broker", "database"):
        service = getattr(snapshot, name)
        if service.state is ServiceState.DOWN:
            since = f" since {clock(service.since, snapshot.taken_at)} UTC" if service.since else ""
            old = "; what you see is from before" if name in needs else ""
            lines.append(f"{name.capitalize()} down{since}: {service.detail}{old}. Trying again.")
    if lines:
        return "\n".join(lines), "error"
    absent = [name for name in needs if getattr(snapshot, name).state is ServiceState.ABSENT]
    if absent and snapshot.replay is not None:
        return "A recording holds events, queues and workers only.", "warning"
    if absent == ["database"]:
        what = without_database or "there is nothing to show here"
        return f"No database is configured: {what}.", "warning"
    if absent:
        return f"No {absent[0]} is configured: there is nothing to show here.", "warning"
    connecting = [name for name in needs if getattr(snapshot, name).state is ServiceState.CONNECTING]
    if connecting:
        return f"Connecting to the {connecting[0]}…", "warning"
    return trouble, "warning"


def wait_text(snapshot: Snapshot, needs: Sequence[str], *, is_answered: bool) -> str:
    """Return what an empty list is empty for as long as nothing was heard; empty once something was.

    Args:
        snapshot: The fleet.
        needs: Services that the screen lives on.
        is_answered: Whether the screen's first question was answered.
    """
    states = {name: getattr(snapshot, name).state for name in (*needs, "broker")}
    if any(states[name] is not ServiceState.ABSENT for name in needs):
        states = {name: states[name] for name in needs}
    # Else the broker's events tell what there is.
    for name, state in states.items():
        if state is ServiceState.CONNECTING:
            return f"Connecting to the {name}: nothing is known yet."
        if state is ServiceState.DOWN:
            return f"The {name} does not answer: nothing is known yet."
    return "" if is_answered else "Waiting for the first answer…"
