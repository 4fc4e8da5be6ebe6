"""Whether whoever listens to events is behind, which doesn't depend on how quick the machine is."""

from __future__ import annotations

import time

import redis
from celery import Celery

from earthgazer_core.operations.events.redis_subscription import RedisSubscription

CHANNEL = "/{}.celeryev/task.multi"


def test_a_subscription_is_behind_while_more_waits_than_it_takes(
    broker_url: str, redis_client: redis.Redis
) -> None:
    app = Celery("t", broker=broker_url, set_as_current=False)
    subscription = RedisSubscription(app)
    subscription.open()
    try:
        deadline = time.monotonic() + 30.0
        while not redis_client.pubsub_numpat() and time.monotonic() < deadline:
            time.sleep(0.01)
        while subscription.read(0.2) is not None:
            pass  # the answer to the subscription
        assert not subscription.is_behind
        channel = CHANNEL.format(redis_client.connection_pool.connection_kwargs["db"])
        for _ in range(40):
            assert redis_client.publish(channel, b"x" * 20_000) == 1
        heard, behind = 0, []
        while heard < 40 and time.monotonic() < deadline:
            heard += len(subscription.read(5.0) or ())
            behind.append(subscription.is_behind)
        assert heard == 40
        assert all(behind[:-1])
        while subscription.read(0.2) is not None:
            pass
        assert not subscription.is_behind
    finally:
        subscription.close()
        app.close()
