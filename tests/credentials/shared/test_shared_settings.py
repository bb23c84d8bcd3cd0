"""`SharedCache` as it is made, shown, handed on and closed."""

import asyncio
import copy
import pickle
import subprocess
import sys
from typing import Any

import pytest
from stores import FaultyStore

from nango_client import ConfigurationError, NangoClient, SharedCache
from nango_client.testing import MemoryStore, MockNango

KEY = "c2hhcmVkLWNhY2hlLWtleS1mb3ItdGhlLXRlc3RzLTE="


def test_a_key_is_made_anew_each_time() -> None:
    """It is a str, as environment variables are."""
    assert isinstance(SharedCache.generate_key(), str)
    assert SharedCache.generate_key() != SharedCache.generate_key()


@pytest.mark.parametrize(
    "keys", [KEY, KEY.encode(), f"{KEY}\n", [KEY], (KEY, KEY), iter([KEY])], ids=range(6)
)
def test_one_key_or_several(keys: Any) -> None:
    """A mounted secret's newline does no harm."""
    shared = SharedCache(MemoryStore(), encryption_key=keys)

    assert (shared.local_max_age, shared.timeout) == (5.0, 0.25)


@pytest.mark.parametrize(
    "keys", ["", [], None, 1, [None], "canary", [KEY, "canary"], "é", b"\xff"], ids=range(9)
)
def test_what_is_no_key_is_refused_without_being_shown(keys: Any) -> None:
    """The text names the setting, not its value."""
    with pytest.raises(ConfigurationError, match="encryption_key") as caught:
        SharedCache(MemoryStore(), encryption_key=keys)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, "5", None])
@pytest.mark.parametrize("name", ["local_max_age", "timeout"])
def test_bad_numbers_are_refused(name: str, value: Any) -> None:
    """At construction, by name."""
    with pytest.raises(ConfigurationError, match=name):
        SharedCache(MemoryStore(), encryption_key=KEY, **{name: value})


def test_zero_seconds_of_own_memory_are_fine_and_zero_seconds_of_patience_not() -> None:
    """With 0, each call asks the store."""
    assert SharedCache(MemoryStore(), encryption_key=KEY, local_max_age=0).local_max_age == 0
    with pytest.raises(ConfigurationError, match="timeout"):
        SharedCache(MemoryStore(), encryption_key=KEY, timeout=0)


@pytest.mark.parametrize("store", [None, "redis://127.0.0.1", object()])
def test_a_store_has_the_methods_of_one(store: Any) -> None:
    """Better refused here than at the first call."""
    with pytest.raises(ConfigurationError, match="get, acquire, set, release, delete, close"):
        SharedCache(store, encryption_key=KEY)


def test_it_shows_nothing_and_is_not_pickled() -> None:
    """No key in a repr, no copy of one in a queue."""
    shared = SharedCache(MemoryStore(), encryption_key=KEY)

    assert repr(shared) == "<SharedCache open>"
    assert KEY not in repr(vars(shared))
    for use in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            use(shared)


def test_without_cryptography_an_error_names_the_extra() -> None:
    """Not an ImportError from deep inside."""
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from nango_client import ConfigurationError, SharedCache\n"
        "try:\n    SharedCache.generate_key()\n"
        "except ConfigurationError as error:\n    print(error)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert b'pip install "nango-client[redis]"' in done.stdout, done.stderr


def test_without_redis_an_error_names_the_extra() -> None:
    """The import of the store's module says it."""
    program = (
        "import sys; sys.modules['redis'] = None; sys.modules['redis.asyncio'] = None\n"
        "from nango_client import ConfigurationError\n"
        "try:\n    import nango_client.ext.redis\n"
        "except ConfigurationError as error:\n    print(error)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert b'pip install "nango-client[redis]"' in done.stdout, done.stderr


def test_a_client_needs_its_own_cache_for_it(server: MockNango, shared: SharedCache) -> None:
    """With cache=None there is nothing to put before the store."""
    with pytest.raises(ConfigurationError, match="cache=None"):
        server.client(cache=None, shared_cache=shared)


def test_a_client_takes_nothing_else_for_it(server: MockNango) -> None:
    """A store alone is no shared cache."""
    wrong: Any = MemoryStore()

    with pytest.raises(ConfigurationError, match="must be a SharedCache"):
        server.client(shared_cache=wrong)


@pytest.mark.asyncio
async def test_a_client_without_one_cannot_invalidate_it(server: MockNango) -> None:
    """It says so, instead of doing half."""
    async with server.client() as client:
        with pytest.raises(ConfigurationError, match="no shared_cache"):
            await client.invalidate_shared()


@pytest.mark.asyncio
async def test_clients_do_not_close_it_and_go_on_without_it(
    server: MockNango, shared: SharedCache, store: MemoryStore
) -> None:
    """Its owner closes it; a client that is still open asks Nango then."""
    async with server.client(shared_cache=shared) as first:
        await first.get_token("user-42", "github")
    async with shared, server.client(shared_cache=shared) as client:
        await client.get_token("user-42", "github")
        assert len(server.requests) == 1
    assert repr(shared) == "<SharedCache closed>"

    async with server.client(shared_cache=shared) as last:
        await last.get_token("user-42", "github")

    assert len(server.requests) == 2


def test_one_for_two_loops_one_after_the_other(server: MockNango, shared: SharedCache) -> None:
    """What is in the store survives, and so does the client."""
    client: NangoClient = server.client(shared_cache=shared)

    for _ in range(2):
        asyncio.run(client.get_token("user-42", "github"))
        server.advance(6)

    assert len(server.requests) == 1
    asyncio.run(client.close())


def test_nothing_runs_when_nothing_is_called(server: MockNango) -> None:
    """No task of ours is left after a call, however long the program goes on."""
    store = FaultyStore(server.clock)
    shared = SharedCache(store, encryption_key=KEY)

    async def play() -> list[str]:
        async with server.client(shared_cache=shared) as client:
            await client.get_token("user-42", "github")
            await asyncio.sleep(0.05)
            asked = len(store.asked)
            await asyncio.sleep(0.05)
            assert len(store.asked) == asked
            return [task.get_name() for task in asyncio.all_tasks()]

    assert len(asyncio.run(play())) == 1
