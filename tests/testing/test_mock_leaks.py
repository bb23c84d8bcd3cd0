"""Fifty starts and stops leave nothing behind."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Runs in a process of its own, where no other test's sockets and threads are about.
SCRIPT = """
import asyncio, gc, logging, os, threading
from nango_client.testing import MockNango

# Debug mode also reports slow steps, which say more about the machine than about the code.
logging.getLogger("asyncio").addFilter(lambda record: not record.msg.startswith("Executing"))

def open_files():
    return len(os.listdir("/dev/fd"))

async def fetch(server):
    server.add_connection("user-42", "github")
    # Left open on purpose when the server stops.
    nango = server.client()
    await nango.get_token("user-42", "github")
    return nango

async def asynchronous():
    async with MockNango() as server:
        nango = await fetch(server)
    await nango.close()
    assert len(asyncio.all_tasks()) == 1

async def synchronous():
    with MockNango() as server:
        nango = await fetch(server)
    await nango.close()

async def both():
    await asynchronous()
    await synchronous()

def once():
    asyncio.run(both())
    assert threading.enumerate() == [threading.main_thread()], threading.enumerate()

once()
before = open_files()
for _ in range(24):
    once()
gc.collect()
assert open_files() <= before, (before, open_files())
print("clean")
"""


def test_nothing_is_left_behind() -> None:
    """No thread, file or task remains, and nothing warns, in asyncio's debug mode too."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env={"PYTHONASYNCIODEBUG": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.stdout, ran.stderr) == ("clean\n", "")
