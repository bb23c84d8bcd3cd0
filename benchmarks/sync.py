"""The synchronous client against the asynchronous one: a cached token, and a fetch."""

import asyncio
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fetch import Worker
from report import Row, Table, rows
from wire import API_KEY, INTEGRATION, connection_id

from nango_client import NangoClient, sync

HERE = Path(__file__).parent
ASYNC = "nango_client.NangoClient (the reference)"
SYNC = "nango_client.sync.NangoClient"
Clock = Callable[[], float]


def run(*, quick: bool) -> list[Table]:
    server = Worker([sys.executable, str(HERE / "server.py")])
    base = f"http://127.0.0.1:{server.greeting}"
    rounds = 1 if quick else 31
    hits = _compare(base, rounds, 100 if quick else 20_000, _hits, _sync_hits)
    tables = [Table("A cached get_token without asyncio", "µs", _HITS, hits(3.0))]
    for unit, clock in (("µs of CPU", time.process_time), ("µs", time.perf_counter)):
        fetches = _compare(
            base,
            rounds,
            20 if quick else 500,
            partial(_fetches, clock),
            partial(_sync_fetches, clock),
        )
        title = f"A fetch without asyncio, {unit}"
        tables.append(Table(title, unit, _FETCHES, fetches(1.5)))
    server.close()
    return tables


_HITS = "The caller's thread answers, and asks no event loop."
_FETCHES = (
    "One call at a time, each for another connection. Two threads take part: CPU time is that of "
    "both, and the clock on the wall sees what waking them takes on a machine that does other work."
)


def _compare(
    base: str,
    rounds: int,
    calls: int,
    measure: Callable[[asyncio.Runner, NangoClient, int], float],
    measure_sync: Callable[[sync.NangoClient, int], float],
) -> Callable[[float], list[Row]]:
    measured: list[dict[str, float]] = []
    with asyncio.Runner() as runner, sync.NangoClient(API_KEY, base_url=base) as blocking:
        client = NangoClient(API_KEY, base_url=base)
        contestants = {
            ASYNC: lambda: measure(runner, client, calls),
            SYNC: lambda: measure_sync(blocking, calls),
        }
        for contestant in contestants.values():
            contestant()  # A warm-up.
        for _ in range(rounds):
            order = random.sample(list(contestants), 2)
            measured.append({name: contestants[name]() for name in order})
        runner.run(client.close())
    return lambda reach: rows(measured, (ASYNC, SYNC), ASYNC, {SYNC: reach})


def _hits(runner: asyncio.Runner, client: NangoClient, calls: int) -> float:
    async def ask() -> float:
        name = connection_id(0)
        await client.get_token(name, INTEGRATION)
        began = time.perf_counter()
        for _ in range(calls):
            await client.get_token(name, INTEGRATION)
        return (time.perf_counter() - began) / calls * 1e6

    return runner.run(ask())


def _sync_hits(client: sync.NangoClient, calls: int) -> float:
    name = connection_id(0)
    client.get_token(name, INTEGRATION)
    began = time.perf_counter()
    for _ in range(calls):
        client.get_token(name, INTEGRATION)
    return (time.perf_counter() - began) / calls * 1e6


def _fetches(clock: Clock, runner: asyncio.Runner, client: NangoClient, calls: int) -> float:
    async def ask() -> float:
        client.invalidate()
        began = clock()
        for number in range(calls):
            await client.get_connection(connection_id(number), INTEGRATION)
        return (clock() - began) / calls * 1e6

    return runner.run(ask())


def _sync_fetches(clock: Clock, client: sync.NangoClient, calls: int) -> float:
    client.invalidate()
    began = clock()
    for number in range(calls):
        client.get_connection(connection_id(number), INTEGRATION)
    return (clock() - began) / calls * 1e6
