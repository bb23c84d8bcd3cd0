"""One process of a fleet: reads a command a line from its input, and answers with a line.

A command is JSON: ``{"ids": [...]}`` asks for the tokens of these connections at once, with
``"options"`` for `get_connection`; ``{"jump": seconds}`` sets this process's wall clock.
"""

import asyncio
import json
import sys
import time
from typing import Any

from nango_client import (
    Event,
    NangoClient,
    NangoError,
    RetryPolicy,
    SharedCache,
    SystemClock,
    TimeoutPolicy,
)
from nango_client._credentials import store
from nango_client.ext.redis import RedisStore
from nango_client.testing import FakeClock


async def ask(nango: NangoClient, name: str, options: dict[str, Any]) -> list[Any]:
    """Give the token or the error's name, and the seconds that took."""
    began = time.monotonic()
    try:
        connection = await nango.get_connection(name, "github", **options)
        result = getattr(connection.credentials, "access_token", "")
    except NangoError as error:
        result = type(error).__name__
    return [result, time.monotonic() - began]


async def work(settings: dict[str, Any]) -> None:
    store.PAUSE = settings.get("pause", store.PAUSE)
    clock = FakeClock(over=SystemClock())
    events: list[Event] = []
    shared = SharedCache(
        RedisStore(settings["redis"]),
        encryption_key=settings["encryption_key"],
        local_max_age=settings.get("local_max_age", 5.0),
        timeout=settings.get("store_timeout", 0.25),
    )
    attempt = settings.get("attempt", 30.0)
    async with (
        shared,
        NangoClient(
            settings["api_key"],
            base_url=settings["base_url"],
            timeout=TimeoutPolicy(attempt=attempt, total=2 * attempt),
            retry=RetryPolicy(max_attempts=1),
            clock=clock,
            shared_cache=shared,
            on_event=events.append,
        ) as nango,
    ):
        while True:
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line:
                return
            command = json.loads(line)
            clock.jump(wall=command.get("jump", 0.0))
            options = command.get("options", {})
            asked = [ask(nango, name, options) for name in command.get("ids", [])]
            answer = {
                "results": await asyncio.gather(*asked),
                "store": [event.error for event in events if event.kind == "store"],
                "hits": nango.cache_info().hits,
            }
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(work(json.loads(sys.argv[1])))
