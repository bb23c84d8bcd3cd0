"""One contestant of the fetch benchmark, in a process of its own.

`python fetch_worker.py CONTESTANT PORT` reads lines "CALLS AT_ONCE" and answers each with the
microseconds of CPU time that a call took.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from wire import API_KEY, INTEGRATION, connection_id

Fetch = Callable[[str], Awaitable[object]]
HEADERS = {"Authorization": f"Bearer {API_KEY}", "Accept": "application/json"}


def _url(base: str, name: str) -> str:
    return f"{base}/connection/{name}?provider_config_key={INTEGRATION}"


@asynccontextmanager
async def nango_client(base: str) -> AsyncIterator[Fetch]:
    from nango_client import NangoClient

    async with NangoClient(API_KEY, base_url=base) as client:
        yield lambda name: client.get_connection(name, INTEGRATION)


@asynccontextmanager
async def nango_client_stdlib(base: str) -> AsyncIterator[Fetch]:
    sys.modules["orjson"] = None  # type: ignore[assignment]
    async with nango_client(base) as fetch:
        yield fetch


@asynccontextmanager
async def aiohttp(base: str) -> AsyncIterator[Fetch]:
    from aiohttp import ClientSession

    async with ClientSession(headers=HEADERS) as session:

        async def fetch(name: str) -> object:
            async with session.get(_url(base, name)) as response:
                return await response.json()

        yield fetch


@asynccontextmanager
async def aiohttp_settled(base: str) -> AsyncIterator[Fetch]:
    """In a process that has freed a large block, from which on glibc maps none for every read."""
    bytes(1024 * 1024)
    async with aiohttp(base) as fetch:
        yield fetch


@asynccontextmanager
async def aiohttp_params(base: str) -> AsyncIterator[Fetch]:
    """As the documentation of Nango has it for Python: parameters and headers with the request."""
    from aiohttp import ClientSession

    async with ClientSession() as session:

        async def fetch(name: str) -> object:
            query = {"provider_config_key": INTEGRATION}
            url = f"{base}/connection/{name}"
            async with session.get(url, params=query, headers=HEADERS) as response:
                return await response.json()

        yield fetch


@asynccontextmanager
async def by_hand(base: str) -> AsyncIterator[Fetch]:
    """What an application does without this package: aiohttp, cattrs and tenacity."""
    from datetime import datetime

    import tenacity
    from aiohttp import ClientSession
    from cattrs import Converter
    from plain_models import Connection

    converter = Converter()
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    cache: dict[str, tuple[float, Connection]] = {}
    async with ClientSession(headers=HEADERS, raise_for_status=True) as session:

        @tenacity.retry(
            stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_random_exponential()
        )
        async def fetch(name: str) -> object:
            async with session.get(_url(base, name)) as response:
                connection = converter.structure(await response.json(), Connection)
            cache[name] = (time.monotonic() + 300, connection)
            return connection

        yield fetch


@asynccontextmanager
async def httpx(base: str) -> AsyncIterator[Fetch]:
    from httpx import AsyncClient

    async with AsyncClient(headers=HEADERS) as client:

        async def fetch(name: str) -> object:
            return (await client.get(_url(base, name))).raise_for_status().json()

        yield fetch


class _Raw(asyncio.Protocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        if self.answer is not None:
            self.answer.set_result(data)


@asynccontextmanager
async def raw_protocol(base: str) -> AsyncIterator[Fetch]:
    """The limit: request bytes out, answer bytes in, and no HTTP understood."""
    loop = asyncio.get_running_loop()
    host, _, port = base.removeprefix("http://").partition(":")
    pool: list[tuple[asyncio.WriteTransport, _Raw]] = []
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())

    async def fetch(name: str) -> object:
        transport, protocol = (
            pool.pop() if pool else await loop.create_connection(_Raw, host, int(port))
        )
        protocol.answer = loop.create_future()
        transport.write(f"GET {_url('', name)} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode())
        answer = await protocol.answer
        pool.append((transport, protocol))
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    yield fetch


CONTESTANTS = {
    function.__name__: function
    for function in (
        aiohttp,
        aiohttp_settled,
        aiohttp_params,
        nango_client,
        nango_client_stdlib,
        by_hand,
        httpx,
        raw_protocol,
    )
}


async def main(name: str, port: str) -> None:
    numbers = itertools.count()
    async with CONTESTANTS[name](f"http://127.0.0.1:{port}") as fetch:

        async def some(calls: int) -> None:
            for number in itertools.islice(numbers, calls):
                await fetch(connection_id(number))

        answer = await fetch(connection_id(next(numbers)))
        print("ready", type(answer).__name__, flush=True)
        for line in sys.stdin:
            calls, at_once = map(int, line.split())
            began = time.process_time()
            await asyncio.gather(*(some(calls // at_once) for _ in range(at_once)))
            spent = time.process_time() - began
            print(spent / (calls // at_once * at_once) * 1e6, flush=True)


try:
    asyncio.run(main(*sys.argv[1:]))
except ImportError as missing:
    print("skipped", missing.name, flush=True)
