"""Whether whoever listens to events is behind, which doesn't depend on how quick the machine is."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from celery import Celery

from earthgazer_core.operations.events.redis_subscription import RedisSubscription

CHANNEL = "/{}.celeryev/task.multi"
MESSAGE = b"x" * 20_000


@pytest.fixture
def subscription(broker_url: str, redis_client: redis.Redis) -> Iterator[RedisSubscription]:
    """A subscription that is up, with nothing left to read."""
    app = Celery("t", broker=broker_url, set_as_current=False)
    subscription = RedisSubscription(app)
    subscription.open()
    until(redis_client.pubsub_numpat)
    drain(subscription)
    yield subscription
    subscription.close()
    app.close()


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30.0
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def drain(subscription: RedisSubscription) -> None:
    while subscription.read(0.2) is not None:
        pass


def said(subscription: RedisSubscription) -> tuple[bool, bool]:
    """Return what it says of its last read: whether it is behind, and whether nothing was left."""
    return subscription.is_behind, subscription.is_drained


def waiting(subscription: RedisSubscription) -> int:
    """Return how many bytes could be read at once."""
    answer = fcntl.ioctl(subscription._socket.fileno(), termios.FIONREAD, b"\0" * 4)
    return int(struct.unpack("i", answer)[0])


def publish(client: redis.Redis, count: int) -> None:
    channel = CHANNEL.format(client.connection_pool.connection_kwargs["db"])
    pipeline = client.pipeline(transaction=False)
    for _ in range(count):
        pipeline.publish(channel, MESSAGE)
    assert set(pipeline.execute()) == {1}


def test_who_finds_much_waiting_is_behind_until_it_is_read(
    subscription: RedisSubscription, redis_client: redis.Redis
) -> None:
    publish(redis_client, 40)
    until(lambda: waiting(subscription) >= 100_000)
    heard = len(subscription.read(5.0) or ())
    assert said(subscription) == (True, False)
    while heard < 40:
        heard += len(subscription.read(5.0) or ())
    drain(subscription)
    assert said(subscription) == (False, True)


def test_who_waits_for_a_burst_is_not_behind_however_large_it_is(
    subscription: RedisSubscription, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_looked, looks = threading.Event(), subscription._holds_more

    def look(link: socket.socket) -> bool:
        found = looks(link)
        has_looked.set()
        return found

    monkeypatch.setattr(subscription, "_holds_more", look)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(5):
            has_looked.clear()
            reading = pool.submit(subscription.read, 30.0)
            assert has_looked.wait(30.0)
            publish(redis_client, 12)
            assert reading.result(30.0)
            assert not subscription.is_behind
            drain(subscription)


def test_who_finds_little_waiting_is_not_behind(
    subscription: RedisSubscription, redis_client: redis.Redis
) -> None:
    publish(redis_client, 2)
    until(lambda: waiting(subscription) >= 40_000)
    assert len(subscription.read(5.0) or ()) == 2
    assert said(subscription) == (False, True)
