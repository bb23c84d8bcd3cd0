"""A store that fails to order and tells what it was asked, and helpers around clients."""

import asyncio
from collections.abc import Callable

from nango_client import Clock, NangoClient, NangoError, RetryPolicy
from nango_client._config import read_settings
from nango_client._credentials.envelope import Envelope, Names, Vault, make_vault
from nango_client.testing import MemoryStore

IDS = ("user-42", "github")
ONCE = RetryPolicy(max_attempts=1)


class FaultyStore:
    """A `MemoryStore` with operations that fail, hang or wait where a test says so."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.inner = MemoryStore(clock)
        self.asked: list[str] = []
        self.faults: dict[str, Callable[[], object]] = {}
        """By operation, or under "all": what happens first; an awaitable is awaited."""

    async def _meet(self, operation: str) -> None:
        self.asked.append(operation)
        fault = self.faults.get(operation) or self.faults.get("all")
        if fault is not None:
            result = fault()
            if asyncio.iscoroutine(result) or isinstance(result, asyncio.Future):
                await result

    async def get(self, key: str) -> tuple[bytes, float] | None:
        await self._meet("get")
        return await self.inner.get(key)

    async def acquire(self, key: str, owner: str, ttl: float, *, steal: bool = False) -> bool:
        await self._meet("acquire")
        return await self.inner.acquire(key, owner, ttl, steal=steal)

    async def set(self, key: str, value: bytes, ttl: float, *, owner: str) -> bool:
        await self._meet("set")
        return await self.inner.set(key, value, ttl, owner=owner)

    async def release(self, key: str, owner: str) -> None:
        await self._meet("release")
        await self.inner.release(key, owner)

    async def delete(self, pattern: str) -> int:
        await self._meet("delete")
        return await self.inner.delete(pattern)

    async def close(self) -> None:
        await self.inner.close()


def fail() -> None:
    raise ConnectionError("canary")


async def hang() -> None:
    await asyncio.Event().wait()


def dump(store: MemoryStore) -> dict[str, bytes]:
    """Give all that a store holds."""
    return {key: value for key, (value, _) in store._values.items()}


def put(store: MemoryStore, key: str, value: bytes) -> None:
    """Put other bytes in the place of a value, which keeps its time."""
    store._values[key] = (value, store._values[key][1])


def opened(store: MemoryStore, encryption_key: str) -> list[Envelope]:
    """Give what is in the envelopes of a store."""
    vault = make_vault(encryption_key)
    assert isinstance(vault, Vault)
    found = [vault.open(value, key) for key, value in dump(store).items()]
    return [envelope for envelope in found if envelope is not None]


def names(api_key: str, base_url: str) -> Names:
    settings = read_settings(api_key, base_url, allow_insecure_http=False)
    assert not isinstance(settings, str)
    return Names(settings)


async def settled() -> None:
    """Wait for what runs in the background."""
    while True:
        names = ("nango_client request", "nango_client store", "nango_client lease")
        tasks = [task for task in asyncio.all_tasks() if task.get_name() in names]
        if not tasks:
            break
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


async def ask(client: NangoClient, **options: bool) -> str:
    """Give the token, or the error's name, after the background has come to rest."""
    try:
        return await client.get_token(*IDS, **options)
    except NangoError as error:
        return type(error).__name__
    finally:
        await settled()
