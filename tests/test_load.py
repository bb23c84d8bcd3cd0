"""Many calls against servers in trouble: most succeed, and none of them makes it worse."""

import asyncio
import random

import pytest
from wire_server import WireServer, answer, reset

from nango_client import NangoClient, NangoError, RetryPolicy
from nango_client.testing import MockNango

pytestmark = pytest.mark.asyncio

FAST = RetryPolicy(initial_delay=0.0, max_delay=0.0)


async def test_a_server_that_fails_now_and_then_costs_hardly_a_call() -> None:
    """10,000 GETs while 5 % of the requests fail: at least 99.9 % succeed, within the budget."""
    seeded = random.Random(42)  # noqa: S311
    plays = [
        seeded.choice((answer(503, b""), reset)) if seeded.random() < 0.05 else answer()
        for _ in range(12_000)
    ]
    failed = 0

    async def ask_in_turn(client: NangoClient) -> None:
        nonlocal failed
        for _ in range(10_000 // 16):
            try:
                # Each is to be a request of its own.
                client.invalidate()
                await client.get_connection("user-42", "github")
            except NangoError:
                failed += 1

    async with WireServer(*plays) as server:
        clients = [NangoClient("key", base_url=server.url, retry=FAST) for _ in range(16)]
        await asyncio.gather(*(ask_in_turn(client) for client in clients))
        for client in clients:
            await client.close()

    assert failed <= 10
    assert 10_000 <= len(server.requests) <= 11_200


async def test_a_server_that_always_fails_is_not_flooded() -> None:
    """1,000 calls to a server that always fails: at most 1,200 requests."""
    async with WireServer(answer(500, b"{}")) as server:
        async with NangoClient("key", base_url=server.url, retry=FAST, cache=None) as client:
            for number in range(1_000):
                with pytest.raises(NangoError):
                    await client.get_connection(f"user-{number}", "github")

    assert 1_150 <= len(server.requests) <= 1_200


async def test_calls_under_way_survive_a_restart_of_the_server() -> None:
    """64 calls are under way while the server goes down and comes up again: all succeed."""
    retry = RetryPolicy(max_attempts=5, initial_delay=0.2, max_delay=0.5)
    with MockNango() as other:
        port = int(other.base_url.rpartition(":")[2])
    server = MockNango(port=port)
    for number in range(64):
        server.add_connection(f"user-{number}", "github")
    server.start()
    server.delay_next(5, times=64)
    async with server.client(retry=retry) as client:
        calls = [
            asyncio.create_task(client.get_connection(f"user-{number}", "github"))
            for number in range(64)
        ]
        while len(server.requests) < 64:
            await asyncio.sleep(0.005)

        server.stop()
        server.start()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        server.stop()

    assert [answer for answer in answers if isinstance(answer, BaseException)] == []
    assert len(server.requests) == 128
