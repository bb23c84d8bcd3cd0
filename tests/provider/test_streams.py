"""Large bodies go through in parts, both ways."""

import asyncio
import sys
from pathlib import Path

import pytest
from aiohttp import web
from stage import API_KEY, Stage

pytestmark = pytest.mark.asyncio
SIZE = 100 * 1024 * 1024
PART = b"x" * 65_536

# In a process of its own: here, the server plays along.
SCRIPT = """
import asyncio, sys
from pathlib import Path
from nango_client import NangoClient

def peak_kb():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

async def chunks():
    for _ in range(1600):
        yield b"x" * 65536

async def main():
    async with NangoClient(sys.argv[1], base_url=sys.argv[2]) as client:
        acme = getattr(client, sys.argv[3])("user-42", "acme")
        await (await acme.post("/small", data=b"x")).read()
        await (await acme.get("/small")).read()
        before = peak_kb()
        size = 0
        async with acme.get("/large") as response:
            async for part in response.content.iter_any():
                size += len(part)
        async with acme.post("/stream", data=chunks()) as response:
            sent = int(await response.text())
        print(size, sent, peak_kb() - before)

asyncio.run(main())
"""


async def answer(request: web.Request) -> web.StreamResponse:
    if request.method == "POST":
        size = 0
        if request.path.endswith("/stream"):
            async for part in request.content.iter_any():
                size += len(part)
        return web.Response(text=str(size))
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(SIZE // len(PART) if request.path.endswith("/large") else 1):
        await response.write(PART)
    return response


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("way", ["direct", "proxy"])
async def test_100_mb_go_through_in_16(way: str) -> None:
    """An answer and an upload of 100 MB each: memory grows by less than 16 MB."""
    async with Stage(answer) as stage:
        stage.proxy = answer
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SCRIPT, API_KEY, stage.nango.url, way),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await child.communicate()

    got, sent, grown_kb = map(int, output.decode().split())
    assert got == sent == SIZE
    assert grown_kb * 1024 < 16_000_000
