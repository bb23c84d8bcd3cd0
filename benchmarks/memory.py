"""Memory of what is cached, and of a cache that many more keys pass through than it holds."""

import gc
import json
import time
import tracemalloc
from pathlib import Path

from report import Row, Table
from wire import API_KEY, INTEGRATION, body, connection_id, template

from nango_client import NangoClient
from nango_client._http.decoding import decode
from nango_client._http.protocol import Response
from nango_client.models import Connection


def run(*, quick: bool) -> list[Table]:
    entries = 100 if quick else 5000
    trees = []
    kinds = [("nango_client, models in its cache", _fill_ours), ("dict tree of json", _fill_json)]
    skipped = []
    try:
        import orjson
    except ImportError:
        skipped.append("dict tree of orjson")
    else:
        kinds.append(
            (
                "dict tree of orjson",
                lambda n: {connection_id(i): orjson.loads(body(i)) for i in range(n)},
            )
        )
    for label, fill in kinds:
        fill(1)
        gc.collect()
        tracemalloc.start()
        kept = fill(entries)
        gc.collect()
        size = tracemalloc.get_traced_memory()[0] / entries / 1000
        tracemalloc.stop()
        del kept
        reach = 3.2 if fill is _fill_ours and not quick else None
        trees.append(Row(label, size, None, reach))
    note = f"{entries:,} connections of {len(body()):,} bytes of JSON, each with values of its own; the key and the cache's own are counted."
    return [
        Table("Memory of a cached connection", "kB", note, trees, skipped),
        _churn(quick=quick),
    ]


def _fill_json(entries: int) -> object:
    return {connection_id(number): json.loads(body(number)) for number in range(entries)}


def _fill_ours(entries: int) -> NangoClient:
    client = NangoClient(API_KEY, base_url="http://127.0.0.1:9")
    for number in range(entries):
        _store(client, number, body(number))
    return client


def _store(client: NangoClient, number: int, answer: bytes) -> None:
    """Do what a fetch does, without the network."""
    cache = client._cache
    # A caller's own strings, as `connection_id` makes them anew.
    ticket = cache.begin((connection_id(number), INTEGRATION), forced=False)
    connection = decode(
        Response(status=200, headers={}, body=answer, received_at=ticket.wall), Connection
    )
    cache.store(ticket, connection, ticket.wall)
    cache.finish(ticket)


def _churn(*, quick: bool) -> Table:
    """Send keys through a cache of 10,000 and look at ten parts of the way."""
    keys = 30_000 if quick else 1_000_000
    client = NangoClient(API_KEY, base_url="http://127.0.0.1:9")
    before, after = template()
    rows_ = []
    for part in range(10):
        began = time.process_time()
        for number in range(part * keys // 10, (part + 1) * keys // 10):
            _store(client, number, before + connection_id(number).encode() + after)
        spent = (time.process_time() - began) / (keys // 10) * 1e6
        label = f"keys up to {(part + 1) * keys // 10:,}: RSS {_rss():.0f} MB"
        rows_.append(Row(label, spent, spent / rows_[0].value if rows_ else 1.0))
    assert client.cache_info().entries == 10_000
    note = "Each key is decoded, stored and, past 10,000, pushes another out; nothing else grows."
    return Table(f"{keys:,} keys through a cache of 10,000", "µs a key", note, rows_)


def _rss() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # Not Linux.
        return float("nan")
    return pages * 4096 / 1e6
