"""What kombu makes of our options for Redis."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from kombu.transport.redis import Mutex, MutexHeld

from earthgazer_core.celery_app import make_app
from earthgazer_core.settings import EarthGazerSettings


def test_the_lock_of_a_worker_killed_while_it_gives_back_soon_lapses(
    settings: EarthGazerSettings, redis_client: redis.Redis
) -> None:
    with make_app(settings).connection_for_write() as connection:
        channel: Any = connection.channel()
        key, expire_s = channel.unacked_mutex_key, channel.unacked_mutex_expire
        with Mutex(redis_client, key, expire_s):
            left_s = redis_client.ttl(key)
            with pytest.raises(MutexHeld), Mutex(redis_client, key, expire_s):
                pass
    assert 0 < left_s <= 15
