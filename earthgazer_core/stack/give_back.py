"""Giving back at once what a dead worker still held, instead of after the visibility timeout.

A message delivered to a worker waits in the broker's ``unacked`` hash, all workers' together and without
their names. So what the living hold is asked of them, and only what none of them holds is given back; if one
that should live does not answer, nothing is: the visibility timeout will do it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Collection
from typing import Any

from celery import Celery
from celery.app.utils import find_app
from kombu.exceptions import KombuError
from redis import RedisError

_ANSWER_S = 1.0
_TRIES = 5


def give_back(app: Celery, delivered_before: float, expected: Collection[str]) -> list[str] | None:
    """Put messages of dead workers back to the head of their queues, and return the tasks' ids.

    Args:
        app: The app whose broker it is; only Redis keeps messages so.
        delivered_before: Epoch seconds; what was delivered later belongs to the living.
        expected: Node names of the workers that live for all we know.

    Returns:
        Task ids, or None if it can't be told who holds what. A message acknowledged meanwhile is left alone.
    """
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        # Only a declared queue tells the channel where a message goes back to.
        for queue in app.amqp.queues.values():
            queue(channel).declare()
        # First what was delivered, then who holds it: a message can't come to a living worker in between.
        tags = channel.client.zrange(channel.unacked_index_key, 0, delivered_before, byscore=True)
        if not tags:
            return []
        held = _held_by_the_living(app, expected)
        if held is None:
            return None
        given = []
        for tag, stored in zip(tags, channel.client.hmget(channel.unacked_key, tags), strict=True):
            if stored is None:
                continue
            message, exchange, routing_key = json.loads(stored)
            headers = message["headers"]
            if headers["id"] in held.ids or headers["task"] in held.names:
                continue
            if channel._lookup(exchange, routing_key):
                channel.qos.restore_by_tag(tag, channel.client)
                given.append(headers["id"])
        return given


class _Held:
    """What living workers hold."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.names: set[str] = set()
        """Tasks with a rate limit: a worker tells nobody which of them it holds back."""


def _held_by_the_living(app: Celery, expected: Collection[str]) -> _Held | None:
    living = {name for answer in app.control.ping(timeout=_ANSWER_S) or [] for name in answer} | set(expected)
    held = _Held()
    if not living:
        return held
    inspect = app.control.inspect(destination=sorted(living), timeout=_ANSWER_S)
    for ask in (inspect.reserved, inspect.scheduled, inspect.active):
        answers: Any = ask() or {}
        if set(answers) != living:
            return None
        held.ids |= {
            (entry.get("request") or entry)["id"] for entries in answers.values() for entry in entries
        }
    registered = inspect.registered("rate_limit") or {}
    if set(registered) != living:
        return None
    held.names = {
        entry.split(" ")[0] for entries in registered.values() for entry in entries if "[rate_limit=" in entry
    }
    return held


def main() -> int:
    """Give back and print how many tasks; exit code 1 if it could not be told who holds what."""
    parser = argparse.ArgumentParser(prog="python -m earthgazer_core.stack.give_back", description=__doc__)
    parser.add_argument("--app", required=True)
    parser.add_argument("--delivered-before", type=float, required=True)
    parser.add_argument("--expect", action="append", default=[])
    options = parser.parse_args()
    app = find_app(options.app)
    for _ in range(_TRIES):
        try:
            given = give_back(app, options.delivered_before, options.expect)
        except (RedisError, KombuError, OSError) as error:
            # Who killed a worker may have killed the broker too: that is back in a moment.
            print(f"the broker is away ({type(error).__name__})")  # noqa: T201
            given = None
        if given is not None:
            print(f"gave back {len(given)} tasks")  # noqa: T201 - the answer to the supervisor
            return 0
        time.sleep(_ANSWER_S)
    print("broker or worker don't answer: left to the visibility timeout")  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
