"""10,000 callers of one cold key, against a single flight with a bare future per caller."""

import asyncio
import gc
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from fetch import Worker
from report import Table, rows
from wire import API_KEY, INTEGRATION, connection_id

from nango_client import NangoClient

BARE = "bare futures around raw aiohttp"
SHIELD = "asyncio.shield around raw aiohttp"
OURS = "nango_client"
Get = Callable[[str], Awaitable[object]]


def run(*, quick: bool) -> list[Table]:
    server = Worker([sys.executable, str(Path(__file__).parent / "server.py")])
    try:
        return asyncio.run(_run(f"http://127.0.0.1:{server.greeting}", quick=quick))
    finally:
        server.close()


async def _run(base: str, *, quick: bool) -> list[Table]:
    import aiohttp

    callers, rounds = (100, 1) if quick else (10_000, 21)
    loop = asyncio.get_running_loop()
    headers = {"Authorization": f"Bearer {API_KEY}"}
    requests = dict.fromkeys((BARE, SHIELD, OURS), 0)
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        NangoClient(API_KEY, base_url=base) as client,
    ):

        async def fetch(name: str, label: str) -> object:
            requests[label] += 1
            url = f"{base}/connection/{name}?provider_config_key={INTEGRATION}"
            async with session.get(url) as response:
                return await response.json()

        waiting: dict[tuple[str, str], list[asyncio.Future[object]]] = {}

        async def lead(key: tuple[str, str]) -> None:
            value = await fetch(key[0], BARE)
            for waiter in waiting.pop(key):
                waiter.set_result(value)

        tasks: set[asyncio.Task[None]] = set()

        async def bare(name: str) -> object:
            key = (name, INTEGRATION)
            waiters = waiting.get(key)
            if waiters is None:
                waiters = waiting[key] = []
                task = loop.create_task(lead(key))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            waiter = loop.create_future()
            waiters.append(waiter)
            return await waiter

        flights: dict[tuple[str, str], asyncio.Task[object]] = {}

        async def shield(name: str) -> object:
            key = (name, INTEGRATION)
            task = flights.get(key)
            if task is None:
                task = flights[key] = loop.create_task(fetch(name, SHIELD))
            return await asyncio.shield(task)

        gets: dict[str, Get] = {
            BARE: bare,
            SHIELD: shield,
            OURS: lambda name: client.get_connection(name, INTEGRATION),
        }
        measured = []
        for number in range(rounds + 1):
            once = {}
            for label in random.sample(list(gets), len(gets)):
                name = connection_id(number)
                gc.collect()  # Nobody pays for the garbage of another.
                began = time.perf_counter()
                await asyncio.gather(*(gets[label](name) for _ in range(callers)))
                once[label] = (time.perf_counter() - began) * 1e3
            measured.append(once)
        requests[OURS] = client.cache_info().misses
    assert set(requests.values()) == {rounds + 1}, f"one request a herd: {requests}"
    found = rows(measured[1:], list(gets), BARE, {OURS: 1.15})
    title = f"{callers:,} callers of one cold key"
    return [Table(title, "ms", "One request for each herd, counted.", found)]
