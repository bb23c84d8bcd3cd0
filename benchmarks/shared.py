"""An answer from the store, against a bare redis-py GET, Fernet and decoding."""

import asyncio
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from cryptography.fernet import Fernet
from redis.asyncio import Redis
from report import Table, rows
from wire import API_KEY, INTEGRATION, body, connection_id

from nango_client import Connection, NangoClient, SharedCache
from nango_client._credentials.envelope import Envelope, pack
from nango_client._http.decoding import decode
from nango_client._http.protocol import Response
from nango_client.ext.redis import RedisStore

BARE = "bare redis-py GET, Fernet, decoding (the limit)"
UNTIMED = "the same without redis-py's time limit"
OURS = "nango_client with RedisStore"
Ask = Callable[[int], Awaitable[object]]


def run(*, quick: bool) -> list[Table]:
    program = shutil.which("redis-server")
    if program is None:
        return [Table("An answer from the store", "µs", skipped=["redis-server"])]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "socket")
        server = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            while not path.exists():
                time.sleep(0.01)
            return [asyncio.run(_run(f"unix://{path}", quick=quick))]
        finally:
            server.kill()
            server.wait()


async def _run(url: str, *, quick: bool) -> Table:
    entries, rounds, calls = (10, 1, 10) if quick else (200, 200, 50)
    ids = [connection_id(number) for number in range(entries)]
    key = SharedCache.generate_key()
    # Each call asks the store, and finds nothing in memory that it could compare with.
    shared = SharedCache(RedisStore(url), encryption_key=key, local_max_age=0.0)
    client = NangoClient(API_KEY, base_url="http://127.0.0.1:9", shared_cache=shared)
    await _fill(client, url, key, entries)
    redis = Redis.from_url(url)
    untimed = Redis.from_url(url, socket_timeout=None)
    fernet = Fernet(key)

    async def read(redis: Redis, number: int) -> object:
        sealed = await redis.get(f"bare:{number}")
        packed = fernet.decrypt(sealed)
        return decode(Response(200, {}, packed, 0.0), Connection)

    async def ours(number: int) -> object:
        client._cache.entries.clear()
        return await client.get_connection(ids[number], INTEGRATION)

    contestants = {BARE: partial(read, redis), UNTIMED: partial(read, untimed), OURS: ours}
    measured: list[dict[str, float]] = []
    for _ in range(rounds):
        one: dict[str, float] = {}
        for name in random.sample(list(contestants), len(contestants)):
            one[name] = await _measure(contestants[name], entries, calls)
        measured.append(one)
    assert client.cache_info().misses == 0
    sizes = await redis.memory_usage(
        "{" + client._lookup._names.of((connection_id(0), INTEGRATION)) + "}"
    )
    await client.close()
    await shared.close()
    await redis.aclose()
    await untimed.aclose()
    note = (
        f"CPU time of the process, one call at a time over a Unix socket; an answer of "
        f"{len(body(0)):,} bytes takes {sizes:,} bytes of Redis's memory. Ours has one time limit "
        f"for all that a call asks of the store, in place of redis-py's for each step."
    )
    table = Table("An answer from the store", "µs", note)
    table.rows = rows(measured, (BARE, UNTIMED, OURS), BARE, {OURS: 1.4})
    return table


async def _fill(client: NangoClient, url: str, key: str, entries: int) -> None:
    fernet = Fernet(key)
    async with Redis.from_url(url) as redis:
        for number in range(entries):
            name = client._lookup._names.of((connection_id(number), INTEGRATION))
            envelope = Envelope(
                name, "fetch", dead=3900.0, began=time.time(), written=time.time(),
                life=3600.0, body=body(number),
            )  # fmt: skip
            await redis.set("{" + name + "}", fernet.encrypt(pack(envelope)), px=3_900_000)
            await redis.set(f"bare:{number}", fernet.encrypt(body(number)))


async def _measure(ask: Ask, entries: int, calls: int) -> float:
    numbers = random.choices(range(entries), k=calls)  # noqa: S311  no secret
    began = time.process_time()
    for number in numbers:
        await ask(number)
    return (time.process_time() - began) / calls * 1e6
