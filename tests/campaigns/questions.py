"""Everything that the console's screens ask a database, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from earthgazer_tui.fleet.errors import FleetError
from earthgazer_tui.fleet.live.fleet import LiveFleet
from earthgazer_tui.fleet.live.options import LiveOptions
from tests.campaigns.tally import Tally


async def answers(tally: Tally, url: str, broker_url: str) -> AsyncIterator[tuple[str, object | FleetError]]:
    """Yield (question, answer, or the error that the operator is told) of a console on a database.

    Args:
        tally: Where questions are counted.
        url: The database, filled as :func:`tests.campaigns.schemas.fill` does, or empty.
        broker_url: The broker.
    """
    fleet = LiveFleet(LiveOptions(broker_url=broker_url, database_url=url, read_only=True))
    await fleet.open(lambda _: None)
    try:
        questions = {
            "captures": fleet.captures(), "freshness": fleet.freshness(), "capture": fleet.capture(1),
            "runs": fleet.runs(), "run": fleet.run("run-1"), "failed": fleet.failed(), "tasks": fleet.tasks(),
            "task": fleet.task("task-17"), "groups": fleet.failure_groups(), "schedule": fleet.schedule(),
            "actions": fleet.actions(), "history": fleet.history(timedelta(days=30), with_times=True),
            "traceback": fleet.traceback("task-17"), "plan": fleet.plan_retry(["task-17"]),
        }  # fmt: skip
        for what, question in questions.items():
            tally.did("questions of the console")
            answer: object
            try:
                answer = await question
            except FleetError as error:
                answer = error
            yield what, answer
    finally:
        await fleet.close(None)
