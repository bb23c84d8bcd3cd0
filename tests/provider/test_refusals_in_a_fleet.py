"""What a provider's 401 is met with by several processes that share a cache."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from stage import API_KEY, Stage

from nango_client import NangoClient, SharedCache
from nango_client.testing import MemoryStore

pytestmark = pytest.mark.asyncio


class Broken(MemoryStore):
    """Has leases for nobody, and for a while not even an answer."""

    async def acquire(self, key: str, owner: str, ttl: float, *, steal: bool = False) -> bool:
        raise ConnectionError


@asynccontextmanager
async def fleet(
    size: int, store: MemoryStore | None = None, local_max_age: float = 3600.0
) -> AsyncIterator[tuple[Stage, list[NangoClient]]]:
    """Give clients of one shared cache; the provider knows the current token alone."""
    shared = SharedCache(
        store or MemoryStore(),
        encryption_key=SharedCache.generate_key(),
        local_max_age=local_max_age,
    )
    async with Stage(shared_cache=shared) as stage:

        async def answer(request: web.Request) -> web.StreamResponse:
            is_right = request.headers.get("Authorization") == f"Bearer token-{stage.token}"
            return web.Response(status=200 if is_right else 401)

        stage.provider.answer = answer
        others = [
            NangoClient(API_KEY, base_url=stage.nango.url, clock=stage.clock, shared_cache=shared)
            for _ in range(size - 1)
        ]
        try:
            yield stage, [stage.client, *others]
        finally:
            for client in others:
                await client.close()


async def status(client: NangoClient) -> int:
    async with client.direct("user-42", "acme").get("/") as response:
        return response.status


async def test_what_another_process_has_renewed_is_not_renewed_again() -> None:
    """The store is compared first, however old what is in memory may be."""
    async with fleet(3) as (stage, clients):
        for client in clients:
            assert await status(client) == 200
        stage.token += 1

        assert [await status(client) for client in clients] == [200] * 3
        assert stage.asked("force_refresh") == 1


async def test_all_at_once_force_one_renewal() -> None:
    """Those that come second wait for the answer of the first."""
    async with fleet(4) as (stage, clients):
        for client in clients:
            await status(client)
        stage.token += 1
        stage.renewal_gate = asyncio.Event()
        calls = [asyncio.create_task(status(client)) for client in clients]
        while not stage.asked("force_refresh"):
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.05)
        stage.renewal_gate.set()

        assert await asyncio.gather(*calls) == [200] * 4
        assert stage.asked("force_refresh") == 1


async def test_a_renewal_that_does_not_help_is_not_forced_by_all() -> None:
    """For a minute after it, also by those who have not asked yet; then one may again."""
    async with fleet(3) as (stage, clients):
        for client in clients:
            await status(client)
        stage.provider.answer = always_401

        assert [await status(client) for client in clients * 2] == [401] * 6
        assert stage.asked("force_refresh") == 1


async def always_401(request: web.Request) -> web.StreamResponse:
    return web.Response(status=401)


@pytest.mark.parametrize("is_shut", [False, True])
async def test_without_the_store_each_process_renews_for_itself(is_shut: bool) -> None:
    """One that fails, or is left alone since it failed, keeps nobody from the right token."""
    store: Any = Broken()
    async with fleet(2, store) as (stage, clients):
        for client in clients:
            await status(client)
        stage.token += 1
        if not is_shut:
            stage.client._lookup._gate.note_success()  # type: ignore[attr-defined]

        assert [await status(client) for client in clients] == [200, 200]
