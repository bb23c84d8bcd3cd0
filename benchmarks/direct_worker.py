"""One contestant of the benchmark of provider calls, in a process of its own.

`python direct_worker.py CONTESTANT PROVIDER_PORT NANGO_PORT` reads lines "CALLS AT_ONCE" and
answers each with the microseconds of CPU time that a call took.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from wire import API_KEY, INTEGRATION, connection_id, document

Call = Callable[[], Awaitable[object]]
USER = connection_id(0)


@asynccontextmanager
async def aiohttp(provider: str, nango: str) -> AsyncIterator[Call]:
    from aiohttp import ClientSession

    token = document()["credentials"]["access_token"]  # type: ignore[index]
    async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:

        async def call() -> object:
            async with session.get(f"{provider}/items?per_page=40") as response:
                return await response.json()

        yield call


@asynccontextmanager
async def direct(provider: str, nango: str) -> AsyncIterator[Call]:
    from nango_client import NangoClient

    async with NangoClient(API_KEY, base_url=nango) as client:
        acme = client.direct(USER, INTEGRATION)

        async def call() -> object:
            async with acme.get("/items?per_page=40") as response:
                return await response.json()

        yield call


@asynccontextmanager
async def proxy(provider: str, nango: str) -> AsyncIterator[Call]:
    from nango_client import NangoClient

    async with NangoClient(API_KEY, base_url=nango) as client:
        acme = client.proxy(USER, INTEGRATION)

        async def call() -> object:
            async with acme.get("/items?per_page=40") as response:
                return await response.json()

        yield call


@asynccontextmanager
async def auth(provider: str, nango: str) -> AsyncIterator[Call]:
    from aiohttp import ClientSession

    from nango_client import NangoClient

    async with NangoClient(API_KEY, base_url=nango) as client:
        middleware = client.auth(USER, INTEGRATION)
        async with ClientSession(middlewares=(middleware,)) as session:

            async def call() -> object:
                async with session.get(f"{provider}/items?per_page=40") as response:
                    return await response.json()

            yield call


CONTESTANTS = {function.__name__: function for function in (aiohttp, direct, proxy, auth)}


async def main(name: str, provider: str, nango: str) -> None:
    urls = (f"http://127.0.0.1:{port}" for port in (provider, nango))
    async with CONTESTANTS[name](*urls) as call:

        async def some(calls: int) -> None:
            for _ in range(calls):
                await call()

        answer = await call()
        assert isinstance(answer, list)
        print("ready", len(answer), flush=True)
        for line in sys.stdin:
            calls, at_once = map(int, line.split())
            began = time.process_time()
            await asyncio.gather(*(some(calls // at_once) for _ in range(at_once)))
            spent = time.process_time() - began
            print(spent / (calls // at_once * at_once) * 1e6, flush=True)


asyncio.run(main(*sys.argv[1:]))
