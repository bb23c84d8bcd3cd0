"""`RedisStore` where it differs from a dictionary: connections, forks, scripts, faults."""

import asyncio
import os
import signal
import threading
from typing import Any

import pytest
from engines import Engine
from redis.asyncio import Redis
from redis.exceptions import RedisError

from nango_client import ConfigurationError
from nango_client.ext.redis import RedisStore

KEY = "n:a:b"


@pytest.mark.parametrize(
    "url", ["", "canary", "http://canary", "redis://u:canary@h/x?db=y", 7, None]
)
def test_a_url_that_cannot_be_used_is_refused_without_being_shown(url: Any) -> None:
    """It may hold a password."""
    with pytest.raises(ConfigurationError) as caught:
        RedisStore(url)

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_it_shows_no_password() -> None:
    """Neither in its repr nor in its fields."""
    store = RedisStore("redis://user:canary@127.0.0.1:1/0")

    assert repr(store) == "<RedisStore>"
    assert "canary" not in repr(vars(store))


@pytest.mark.asyncio
async def test_a_function_makes_the_client(engine: Engine) -> None:
    """For set-ups that no URL describes; one client for each loop, closed with the store."""
    made: list[Redis] = []

    def make() -> Redis:
        made.append(Redis.from_url(engine.url))
        return made[-1]

    store = RedisStore(make)
    await store.acquire(KEY, "me", 10)
    await store.get(KEY)
    await store.close()

    assert len(made) == 1
    assert b"db0" in engine.ask("INFO", "keyspace")
    assert engine.ask("CLIENT", "LIST").count(b" addr=") == 1


def test_an_event_loop_that_ends_closes_its_connections(engine: Engine) -> None:
    """Without `close`, and without a warning; the next loop has its own."""
    store = RedisStore(engine.url)
    for _ in range(3):
        asyncio.run(store.acquire(KEY, "me", 10))

    assert engine.ask("CLIENT", "LIST").count(b" addr=") == 1
    assert len(store._doors) == 1


def test_closing_from_another_thread(engine: Engine) -> None:
    """A loop that still runs elsewhere closes its connections itself."""
    store = RedisStore(engine.url)
    ready, done = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        await store.acquire(KEY, "me", 10)
        ready.set()
        await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(elsewhere(),))
    thread.start()
    ready.wait()
    asyncio.run(store.close())
    done.set()
    thread.join()

    assert engine.ask("CLIENT", "LIST").count(b" addr=") == 1


@pytest.mark.asyncio
async def test_closing_after_a_loop_that_is_over(engine: Engine) -> None:
    """There is nothing to close any more."""
    store = RedisStore(engine.url)
    await asyncio.to_thread(asyncio.run, store.acquire(KEY, "me", 10))

    await store.close()

    assert await store.acquire(KEY, "me", 10)
    await store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_has_connections_of_its_own(engine: Engine) -> None:
    """Parent and child go on side by side, with one store made before."""
    store = RedisStore(engine.url)

    async def parent() -> int:
        await store.acquire(KEY, "parent", 10)
        pid = os.fork()
        if pid == 0:
            # The loop of the parent is not the child's: it makes its own, in a thread without one.
            worked: list[bool] = []
            thread = threading.Thread(
                target=lambda: worked.append(asyncio.run(store.acquire("n:c:d", "child", 10)))
            )
            thread.start()
            thread.join()
            os._exit(0 if worked == [True] else 1)
        status = await asyncio.to_thread(os.waitpid, pid, 0)
        assert await store.acquire(KEY, "parent", 10)
        await store.close()
        return os.waitstatus_to_exitcode(status[1])

    assert asyncio.run(parent()) == 0


@pytest.mark.asyncio
async def test_a_server_that_forgets_its_scripts_is_told_again(engine: Engine) -> None:
    """By one command alone, and by many at once."""
    store = RedisStore(engine.url)
    assert await store.acquire(KEY, "me", 10)
    engine.ask("SCRIPT", "FLUSH")
    assert await store.acquire(KEY, "me", 10)
    engine.ask("SCRIPT", "FLUSH")

    calls = [store.acquire(f"n:{number}:x", "me", 10) for number in range(50)]
    assert all(await asyncio.gather(*calls, store.set(KEY, b"value", 10, owner="me")))

    await store.close()


@pytest.mark.asyncio
async def test_a_server_that_comes_back_is_found_again(engine: Engine) -> None:
    """The first command meets a connection that is gone, and goes over a new one."""
    store = RedisStore(engine.url)
    await store.acquire(KEY, "me", 10)
    engine.kill()
    engine.start()

    assert await store.acquire(KEY, "me", 10)
    await store.close()


@pytest.mark.asyncio
async def test_many_commands_fail_together(engine: Engine) -> None:
    """Each of those that waited is told, and none waits for ever."""
    store = RedisStore(engine.url)
    await store.acquire(KEY, "me", 10)
    engine.kill()

    calls = [store.get(f"n:{number}:x") for number in range(50)]
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)

    assert all(isinstance(result, RedisError) for result in results)
    engine.start()
    assert await store.get(KEY) is None
    await store.close()


@pytest.mark.asyncio
async def test_commands_that_nobody_waits_for_are_not_sent(engine: Engine) -> None:
    """Cancelled while they queued, or while they were on their way."""
    store = RedisStore(engine.url)
    await store.acquire(KEY, "me", 10)
    calls = [asyncio.create_task(store.acquire(f"n:{n}:x", "me", 10)) for n in range(50)]
    await asyncio.sleep(0)

    for call in calls[1:40]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    engine.freeze()
    late = [asyncio.create_task(store.get(f"n:{n}:x")) for n in range(50)]
    await asyncio.sleep(0.02)
    late[0].cancel()
    await asyncio.sleep(0.02)
    for call in late:
        call.cancel()
    engine.thaw()
    await asyncio.gather(*late, return_exceptions=True)

    assert [result for result in results if result is True] == [True] * 11
    assert await store.get(KEY) is None
    assert engine.ask("DBSIZE") == b":12\r\n"
    await store.close()


def test_a_loop_that_ends_with_commands_under_way_tells_them(engine: Engine) -> None:
    """They end with its tasks, and nothing is left over."""
    store = RedisStore(engine.url)

    async def leave() -> None:
        await store.acquire(KEY, "me", 10)
        engine.freeze()
        for number in range(9):
            task = asyncio.create_task(store.get(f"n:{number}:x"))
            left.append(task)
        await asyncio.sleep(0.01)
        # The one that went alone; the others are sent after it.
        left[0].cancel()
        await asyncio.sleep(0.01)

    left: list[asyncio.Task[Any]] = []
    asyncio.run(leave())
    engine.process.send_signal(signal.SIGCONT)

    assert all(task.cancelled() or task.exception() for task in left)


@pytest.mark.asyncio
async def test_a_value_without_an_end_is_none_of_ours(engine: Engine) -> None:
    """What somebody has put there by hand says no time that is left."""
    store = RedisStore(engine.url)
    engine.ask("SET", "{" + KEY + "}", "by hand")

    found = await store.get(KEY)

    assert found is not None
    assert found[1] < 0
    await store.close()


@pytest.mark.asyncio
async def test_an_error_of_the_server_is_told(engine: Engine) -> None:
    """Here a key holds something that is no value."""
    store = RedisStore(engine.url)
    engine.ask("LPUSH", "{" + KEY + "}", "by hand")

    with pytest.raises(RedisError):
        await store.get(KEY)

    assert await store.acquire(KEY, "me", 10)
    await store.close()


@pytest.mark.asyncio
async def test_a_search_goes_through_all_keys(engine: Engine) -> None:
    """Page by page, and past those of others."""
    store = RedisStore(engine.url)
    names = [f"n:{number}:x" for number in range(2500)]
    await asyncio.gather(*(store.acquire(name, "me", 10) for name in names))
    await store.set(names[7], b"value", 10, owner="me")
    engine.ask("SET", "{n:7:x}:other", "of somebody")

    assert await store.delete("n:*:x") == 1

    assert engine.ask("DBSIZE") == b":1\r\n"
    await store.close()
