"""Long lists, against aiohttp, a JSON parser and a dict for each item.

The server and each contestant run in processes of their own, so that CPU and memory are theirs.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from report import Row, Table, interleave, rows

KEY = "00000000-0000-4000-8000-000000000001"
DATE = "2026-11-27T04:31:00.484489+00:00"
BARE, BARE_JSON = "aiohttp, orjson, a dict an item", "aiohttp, json, a dict an item"
OURS, OURS_JSON = "nango_client with orjson", "nango_client with json"


def connection(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "connection_id": f"30144855-88c9-4b01-aadd-{number:012}",
        "provider_config_key": "github",
        "provider": "github",
        "errors": [],
        "end_user": {
            "id": f"user-{number}",
            "display_name": "Ada",
            "email": "ada@example.com",
            "tags": {"project": "1"},
            "organization": {"id": "acme", "display_name": "Acme"},
        },
        "tags": {"end_user_id": f"user-{number}"},
        "metadata": {"step": 1},
        "created": DATE,
    }


def record(number: int) -> dict[str, Any]:
    metadata = {"first_seen_at": DATE, "last_modified_at": DATE, "last_action": "ADDED"}
    metadata |= {"deleted_at": None, "pruned_at": None, "cursor": f"{number:088}"}  # type: ignore[dict-item]
    fields = {"name": f"Contact {number}", "email": f"c{number}@example.com"}
    return {"id": str(number), **fields, "_nango_metadata": metadata}


# Name: path, member of the answer, items of a page, items.
LISTS = {
    "connections": ("/connections", "connections", 500, 100_000),
    "records": ("/records", "records", 1000, 1_000_000),
}


async def serve(kind: str, total: int) -> None:
    """Answer every page alike but for what tells that there is another one."""
    from aiohttp import web

    _, member, size, _ = LISTS[kind]
    make = connection if kind == "connections" else record
    bodies: dict[int, bytes] = {}

    async def answer(request: web.BaseRequest) -> web.Response:
        page = int(request.query.get("page") or request.query.get("cursor") or 0)
        count = max(0, min(size, total - page * size))
        # Records come over and over, which makes the server fast; of connections each is one.
        name = page % 10 if count == size and kind == "records" else page
        if name not in bodies:
            items = [make(total - (page * size + index)) for index in range(count)]
            bodies[name] = json.dumps(items).encode()
        body = b'{"%s":%s' % (member.encode(), bodies[name])
        if kind == "records":
            following = f'"{page + 1}"' if (page + 1) * size < total else "null"
            body += b',"next_cursor":%s' % following.encode()
        return web.Response(body=body + b"}", content_type="application/json")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def bare(kind: str, base: str, loads: Callable[[bytes], Any]) -> int:
    import aiohttp

    path, member, size, _ = LISTS[kind]
    found = page = 0
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        while True:
            name = "page" if kind == "connections" else "cursor"
            async with session.get(f"{base}{path}?limit={size}&{name}={page}") as response:
                items = loads(await response.read())[member]
            for item in items:
                _ = dict(item)
                found += 1
            page += 1
            if len(items) < size:
                return found


async def ours(kind: str, base: str) -> int:
    from nango_client import NangoClient

    found = 0
    async with NangoClient(KEY, base_url=base) as client:
        items: Any = (
            client.connections.list()
            if kind == "connections"
            else client.records.list("user-42", "github", "Contact")
        )
        async for _ in items:
            found += 1
    return found


def work(contestant: str, kind: str, base: str) -> None:
    """Be a contestant: go through the list twice, and tell of the second time."""
    if contestant in {OURS_JSON, BARE_JSON}:
        sys.modules["orjson"] = None  # type: ignore[assignment]
    call: Callable[[], Awaitable[int]]
    if contestant in {OURS, OURS_JSON}:
        call = lambda: ours(kind, base)  # noqa: E731
    elif contestant == BARE:
        import orjson

        call = lambda: bare(kind, base, orjson.loads)  # noqa: E731
    else:
        call = lambda: bare(kind, base, json.loads)  # noqa: E731

    async def measure() -> tuple[float, int, int]:
        await call()
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        count = await call()
        used = time.process_time() - began
        return used, count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    used, count, grown = asyncio.run(measure())
    print(json.dumps({"us": used / max(count, 1) * 1e6, "kB": grown, "count": count}))


def run(*, quick: bool) -> list[Table]:
    return [table for kind in LISTS for table in _run(kind, quick=quick)]


def _run(kind: str, *, quick: bool) -> list[Table]:
    total = 2000 if quick else LISTS[kind][3]
    server = subprocess.Popen(
        [sys.executable, __file__, "serve", kind, str(total - 1)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    base = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    grown: dict[str, list[float]] = {}

    def measure(name: str) -> float:
        command = [sys.executable, __file__, "work", name, kind, base]
        told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert told["count"] == total - 1, told
        grown.setdefault(name, []).append(told["kB"] / 1024)
        return float(told["us"])

    names = (BARE, BARE_JSON, OURS, OURS_JSON)
    try:
        measured = interleave(
            {name: lambda name=name: measure(name) for name in names}, 1 if quick else 5
        )
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    bound = 1.5 if kind == "connections" else 1.6
    found = rows(measured, (BARE, OURS), BARE, {OURS: bound})
    limit = {OURS_JSON: 2.0} if kind == "connections" else {}
    found += rows(measured, (BARE_JSON, OURS_JSON), BARE_JSON, limit)
    room = 10.0 if kind == "connections" else 16.0
    memory = [Row(OURS, max(grown[OURS]), reach=room)]
    title = f"{total - 1:,} {kind} through the iterator"
    note = "CPU of the client's process; each parser against the bare client with the same one."
    return [
        Table(f"{title}, CPU", "µs an item", note, found),
        Table(f"{title}, memory", "MB more than before", "", memory),
    ]


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2], int(sys.argv[3])))
    else:
        work(*sys.argv[2:])
