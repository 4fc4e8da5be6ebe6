"""Learning from the broker which workers are up: Celery tells it by events, kombu carries them by pub/sub."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

_PATTERN = "/*.celeryev/worker.*"
_RECONNECT_S = 0.5
logger = logging.getLogger(__name__)


async def watch_workers(redis_url: str, subscribed: asyncio.Event, seen: Callable[[str], None]) -> None:
    """Call ``seen`` with the node name of each worker that shows a sign of life; never returns.

    A broker that is away is asked again until it is back.
    """
    # Imported here because it takes as long as a server's start, and goes on beside it.
    redis_asyncio = await asyncio.to_thread(_import_redis)
    while True:
        client = redis_asyncio.from_url(redis_url)
        try:
            channel = client.pubsub()
            await channel.psubscribe(_PATTERN)
            async for message in channel.listen():
                subscribed.set()
                if message["type"] == "pmessage" and not message["channel"].endswith(b"worker.offline"):
                    for hostname in hostnames(message["data"]):
                        seen(hostname)
        except (redis_asyncio.RedisError, OSError) as error:
            logger.info("worker events: broker is away (%s)", type(error).__name__)
        finally:
            await client.aclose()
        await asyncio.sleep(_RECONNECT_S)


def hostnames(payload: bytes) -> Iterator[str]:
    """Yield the node names in one message of events; what is no such message yields none."""
    try:
        envelope = json.loads(payload)
        events: Any = json.loads(base64.b64decode(envelope["body"]))
    except (ValueError, KeyError, TypeError, binascii.Error):
        return
    for event in events if isinstance(events, list) else [events]:
        if isinstance(event, dict) and isinstance(event.get("hostname"), str):
            yield event["hostname"]


def _import_redis() -> Any:
    import redis.asyncio

    return redis.asyncio
