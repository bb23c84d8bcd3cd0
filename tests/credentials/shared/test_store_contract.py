"""What `CredentialStore` promises, by the dictionary and by real servers."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from engines import PROGRAMS, Engine, path_of

from nango_client import CredentialStore
from nango_client.ext.redis import RedisStore
from nango_client.testing import FakeClock, MemoryStore

KEY = "n1:env:github:user:options"


@pytest_asyncio.fixture(params=["memory", *PROGRAMS])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[CredentialStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with Engine(path_of(request.param)) as engine:
        store = RedisStore(engine.url)
        yield store
        await store.close()


@pytest.mark.asyncio
async def test_a_value_comes_back_with_the_time_it_has_left(store: CredentialStore) -> None:
    """Any bytes, and never more time than was given."""
    value = bytes(range(256))
    await store.acquire(KEY, "me", 10)

    assert await store.set(KEY, value, 10, owner="me")
    found = await store.get(KEY)

    assert found is not None
    assert found[0] == value
    assert 9 < found[1] <= 10


@pytest.mark.asyncio
async def test_what_is_not_there_is_none(store: CredentialStore) -> None:
    """No value, no error."""
    assert await store.get(KEY) is None


@pytest.mark.asyncio
async def test_values_and_leases_end(store: CredentialStore) -> None:
    """After its time a value is gone and a lease is free."""
    await store.acquire(KEY, "me", 0.03)
    await store.set(KEY, b"value", 0.03, owner="me")

    give_up = asyncio.get_running_loop().time() + 5
    while not await store.acquire(KEY, "you", 10):
        assert asyncio.get_running_loop().time() < give_up

    assert not await store.set(KEY, b"late", 10, owner="me")
    while await store.get(KEY) is not None:
        assert asyncio.get_running_loop().time() < give_up


@pytest.mark.asyncio
async def test_a_lease_has_one_owner(store: CredentialStore) -> None:
    """Its owner may take it again, another one only by stealing; only the owner stores."""
    assert await store.acquire(KEY, "me", 10)
    assert await store.acquire(KEY, "me", 10)
    assert not await store.acquire(KEY, "you", 10)
    assert not await store.set(KEY, b"yours", 10, owner="you")

    assert await store.acquire(KEY, "you", 10, steal=True)

    assert not await store.set(KEY, b"mine", 10, owner="me")
    assert await store.set(KEY, b"yours", 10, owner="you")


@pytest.mark.asyncio
async def test_prolonging_a_lease_counts_from_now(store: CredentialStore) -> None:
    """The new time stands in place of the old one."""
    await store.acquire(KEY, "me", 0.02)
    await store.acquire(KEY, "me", 10)

    await asyncio.sleep(0.03)

    assert not await store.acquire(KEY, "you", 10)


@pytest.mark.asyncio
async def test_only_the_owner_releases(store: CredentialStore) -> None:
    """A release that comes late, after another one took over, does nothing."""
    await store.acquire(KEY, "me", 10)

    await store.release(KEY, "you")
    assert not await store.acquire(KEY, "you", 10)
    await store.release(KEY, "me")

    assert await store.acquire(KEY, "you", 10)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("n1:env:a:x:1", {"n1:env:a:x:2", "n1:env:b:x:1", "n1:env:a:y:1", "n1:other:a:x:1"}),
        ("n1:env:a:*:*", {"n1:env:b:x:1", "n1:other:a:x:1"}),
        ("n1:env:*:x:*", {"n1:env:a:y:1", "n1:other:a:x:1"}),
        ("n1:env:*:*:*", {"n1:other:a:x:1"}),
        ("n1:env:*", {"n1:env:a:x:1", "n1:env:a:x:2", "n1:env:b:x:1", "n1:env:a:y:1",
                      "n1:other:a:x:1"}),
        ("n1:env:?:x:1", {"n1:env:a:x:1", "n1:env:a:x:2", "n1:env:b:x:1", "n1:env:a:y:1",
                          "n1:other:a:x:1"}),
        ("n1:env:[ab]:*:1", {"n1:env:a:x:1", "n1:env:a:x:2", "n1:env:b:x:1", "n1:env:a:y:1",
                             "n1:other:a:x:1"}),
    ],
)  # fmt: skip
async def test_a_star_stands_for_one_part(
    store: CredentialStore, pattern: str, left: set[str]
) -> None:
    """Values and leases that match go, the others stay; nothing else is special."""
    names = {"n1:env:a:x:1", "n1:env:a:x:2", "n1:env:b:x:1", "n1:env:a:y:1", "n1:other:a:x:1"}
    for name in names:
        await store.acquire(name, "me", 10)
        await store.set(name, b"value", 10, owner="me")

    dropped = await store.delete(pattern)

    assert {name for name in names if await store.get(name)} == left
    assert {name for name in names if not await store.acquire(name, "you", 10)} == left
    assert dropped == len(names - left)


@pytest.mark.asyncio
async def test_a_lease_without_value_is_dropped_too(store: CredentialStore) -> None:
    """It does not count, and its holder stores no more."""
    await store.acquire(KEY, "me", 10)

    assert await store.delete("n1:*:*:*:*") == 0
    assert not await store.set(KEY, b"value", 10, owner="me")


@pytest.mark.asyncio
async def test_many_calls_at_once(store: CredentialStore) -> None:
    """A thousand owners, one lease; each call gets the answer to its own question."""
    names = [f"n:{number}" for number in range(1000)]
    taken = await asyncio.gather(*(store.acquire(KEY, name, 10) for name in names))
    await asyncio.gather(*(store.acquire(name, "me", 10) for name in names))
    await asyncio.gather(*(store.set(n, n.encode(), 10, owner="me") for n in names))

    found = await asyncio.gather(*(store.get(name) for name in names))

    assert sum(taken) == 1
    assert [value and value[0].decode() for value in found] == names


@pytest.mark.asyncio
async def test_threads_and_loops_share_it(store: CredentialStore) -> None:
    """Two loops at a time, in threads of their own, and a third one after them."""
    taken: list[str] = []

    async def take(owner: str) -> None:
        for number in range(50):
            taken.extend([f"n:{number}"] * await store.acquire(f"n:{number}", owner, 10))

    threads = [threading.Thread(target=asyncio.run, args=(take(owner),)) for owner in "abcd"]
    for thread in threads:
        thread.start()
    await asyncio.to_thread(lambda: [thread.join() for thread in threads])
    await take("e")

    assert sorted(taken) == sorted(f"n:{number}" for number in range(50))


@pytest.mark.asyncio
async def test_closing_twice_is_fine(store: CredentialStore) -> None:
    """Also before the first use."""
    await store.close()
    await store.close()


def test_the_dictionary_has_the_time_of_its_clock() -> None:
    """So that a test can let a value end."""
    clock = FakeClock()
    store = MemoryStore(clock)

    async def play() -> list[object]:
        await store.acquire("a:b", "me", 10)
        await store.set("a:b", b"value", 10, owner="me")
        seen: list[object] = [repr(store)]
        clock.advance(9)
        seen.append(await store.get("a:b"))
        clock.advance(1)
        seen.append(await store.get("a:b"))
        return seen

    assert asyncio.run(play()) == ["<MemoryStore 1 values>", (b"value", 1.0), None]
