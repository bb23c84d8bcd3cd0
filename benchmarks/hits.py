"""A cache hit, against a coroutine that looks up a tuple key in a dict and compares one clock."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import attrs
from report import Table, rows
from wire import API_KEY, INTEGRATION, body, connection_id

from nango_client import CachePolicy, Connection, NangoClient
from nango_client._http.decoding import decode
from nango_client._http.protocol import Response

BARE = "bare coroutine: dict and one clock (the limit)"
OURS = "nango_client"
Get = Callable[[str, str], Awaitable[object]]
Values = dict[str, Connection]


def _bare(values: Values) -> Get:
    cache = {
        (name, INTEGRATION): (value, time.monotonic() + 3600) for name, value in values.items()
    }
    clock = time.monotonic

    async def get(connection: str, integration: str) -> object:
        value, end = cache[connection, integration]
        if clock() < end:
            return value
        raise LookupError

    return get


def _ours(values: Values) -> Get:
    policy = CachePolicy(max_age=7200, max_entries=len(values))
    client = NangoClient(API_KEY, base_url="http://127.0.0.1:9", cache=policy)
    cache = client._cache
    for name, value in values.items():
        ticket = cache.begin((name, INTEGRATION), forced=False)
        cache.store(ticket, value, None)
        cache.finish(ticket)
    return client.get_connection


async def _async_lru(values: Values) -> Get:
    from async_lru import alru_cache

    @alru_cache(maxsize=len(values), ttl=3600)
    async def get(connection: str, integration: str) -> object:
        return values[connection]

    for name in values:
        await get(name, INTEGRATION)
    return get


async def _cachetools(values: Values) -> Get:
    from cachetools import TTLCache

    cache: TTLCache[tuple[str, str], object] = TTLCache(len(values), 3600)
    for name, value in values.items():
        cache[name, INTEGRATION] = value

    async def get(connection: str, integration: str) -> object:
        return cache[connection, integration]

    return get


async def _aiocache(values: Values) -> Get:
    from aiocache import SimpleMemoryCache, cached

    @cached(ttl=3600, cache=SimpleMemoryCache)
    async def get(connection: str, integration: str) -> object:
        return values[connection]

    for name in values:
        await get(name, INTEGRATION)
    return get


async def _cashews(values: Values) -> Get:
    from cashews import Cache

    cache = Cache()
    cache.setup("mem://", size=max(len(values), 2))

    @cache(ttl="1h", key="{connection}:{integration}")
    async def get(connection: str, integration: str) -> object:
        return values[connection]

    for name in values:
        await get(name, INTEGRATION)
    return get


class _Credential:
    """As azure-core's bearer token policy: look, compare two times, renew under a lock."""

    def __init__(self, value: object) -> None:
        self._value, self._end, self._lock = value, time.time() + 3600, asyncio.Lock()

    def _must_renew(self) -> bool:
        now = time.time()
        return self._value is None or self._end - now < 300

    async def get(self, *_scopes: str) -> object:
        if self._must_renew():
            async with self._lock:
                raise LookupError
        return self._value


async def _azure(values: Values) -> Get:
    credentials = {(name, INTEGRATION): _Credential(value) for name, value in values.items()}

    async def get(connection: str, integration: str) -> object:
        return await credentials[connection, integration].get("scope")

    return get


# Those that would need minutes or gigabytes to be filled take part with few entries only.
OTHERS = {
    "async_lru": (_async_lru, 1000),
    "cachetools.TTLCache": (_cachetools, 1_000_000),
    "aiocache": (_aiocache, 1000),
    "cashews": (_cashews, 1000),
    "the azure-core pattern": (_azure, 1000),
}


def run(*, quick: bool) -> list[Table]:
    return asyncio.run(_run(quick=quick))


async def _run(*, quick: bool) -> list[Table]:
    answer = Response(status=200, headers={}, body=body(), received_at=time.time())
    value = decode(answer, Connection)
    tables = []
    for entries in (1, 1000) if quick else (1, 1000, 1_000_000):
        names = map(connection_id, range(entries))
        values = {name: attrs.evolve(value, connection_id=name) for name in names}
        gets: dict[str, Get] = {BARE: _bare(values), OURS: _ours(values)}
        skipped = []
        for label, (make, limit) in OTHERS.items():
            if entries > limit:
                continue
            try:
                gets[label] = await make(values)
            except ImportError:
                skipped.append(label)
        # Strings of their own: callers do not pass the objects that the cache holds. Spread over
        # the whole cache, so that a large one has to be fetched from memory.
        asked = [connection_id(i * 7919 % entries) for i in range(100 if quick else 10_000)]
        measured = []
        for _ in range(1 if quick else 31):
            order = random.sample(list(gets), len(gets))
            measured.append({label: await _time(gets[label], asked) for label in order})
        found = rows(measured, list(gets), BARE, {OURS: 2.0})
        title = f"Cache hit, {entries:,} " + ("entry" if entries == 1 else "entries")
        tables.append(Table(title, "µs", "", found, skipped))
        del gets, values
    return tables


async def _time(get: Get, asked: list[str]) -> float:
    integration = INTEGRATION
    began = time.process_time()
    for name in asked:
        await get(name, integration)
    return (time.process_time() - began) / len(asked) * 1e6
