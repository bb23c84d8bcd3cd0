"""The store down, slow, full or talking nonsense: calls go on as without it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from stores import IDS, ONCE, FaultyStore, ask, dump, fail, hang, put

from nango_client import Event, NangoError, SharedCache, SystemClock, TransportError
from nango_client._credentials.store import StoreUnavailableError
from nango_client.testing import MemoryStore, MockNango


async def slowly() -> None:
    await asyncio.sleep(0.04)


NONSENSE: dict[str, Callable[[], object]] = {
    "raises": fail,
    "hangs": hang,
    "is cancelled from inside": lambda: asyncio.wait_for(hang(), 0.001),
}


@pytest.fixture
def faulty(server: MockNango) -> FaultyStore:
    return FaultyStore(server.clock)


@pytest.fixture
def shared(faulty: FaultyStore, encryption_key: str) -> SharedCache:
    return SharedCache(faulty, encryption_key=encryption_key, timeout=0.05)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", NONSENSE)
@pytest.mark.parametrize("operation", ["get", "acquire", "set", "release", "delete", "all"])
@pytest.mark.parametrize("forced", [False, True])
async def test_no_failure_of_the_store_reaches_a_call(
    server: MockNango, shared: SharedCache, faulty: FaultyStore, operation: str, fault: str,
    forced: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Whatever fails, in whatever way: the call is answered, after the time limit at most."""
    monkeypatch.setattr("nango_client._credentials.store._DROP_LIMIT", 0.1)
    faulty.faults[operation] = NONSENSE[fault]
    async with server.client(shared_cache=shared) as client:
        client.invalidate()
        began = time.monotonic()
        token = await client.get_token(*IDS, force_refresh=forced)
        elapsed = time.monotonic() - began
        again = await ask(client)

    assert token == again
    assert len(server.requests) == 1
    assert elapsed < 2


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", NONSENSE)
async def test_one_event_tells_that_the_store_failed(
    server: MockNango, shared: SharedCache, faulty: FaultyStore, fault: str
) -> None:
    """With the class of its error, and once for all calls that meet it."""
    faulty.faults["all"] = NONSENSE[fault]
    server.add_connection("user-7", "github")
    events: list[Event] = []
    async with server.client(shared_cache=shared, on_event=events.append) as client:
        await asyncio.gather(client.get_token(*IDS), client.get_token("user-7", "github"))

    told = [event.error for event in events if event.kind == "store"]
    assert told == ["ConnectionError" if fault == "raises" else "TimeoutError"]


@pytest.mark.asyncio
async def test_it_is_tried_again_every_five_seconds(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """By one call; the others do not wait, and what is in memory lives as without a store."""
    faulty.faults["all"] = fail
    async with server.client(shared_cache=shared) as client:
        for _ in range(20):
            await ask(client)
        assert faulty.asked == ["get"]
        server.advance(4.9)
        await ask(client)
        assert faulty.asked == ["get"]
        server.advance(0.2)
        await asyncio.gather(*(client.get_token(*IDS) for _ in range(10)))
        assert faulty.asked == ["get", "get"]

    assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_a_pause_ends_by_the_machine_s_clock_too(
    server: MockNango, encryption_key: str, faulty: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client's clock that stands still does not shut the store out for ever."""
    monkeypatch.setattr("nango_client._credentials.store.PAUSE", 0.05)
    shared = SharedCache(faulty, encryption_key=encryption_key, local_max_age=0)
    async with server.client(shared_cache=shared) as client:
        faulty.faults["all"] = fail
        await ask(client)
        faulty.faults.clear()
        await asyncio.sleep(0.06)
        await ask(client)

    assert faulty.asked[1:] == ["get", "acquire", "get", "set", "release"]


@pytest.mark.asyncio
async def test_when_it_is_back_it_is_used_again(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """What was fetched meanwhile is not put there: somebody may have dropped it elsewhere."""
    async with server.client(shared_cache=shared) as client:
        faulty.faults["all"] = fail
        await ask(client)
        faulty.faults.clear()
        server.advance(6)
        await ask(client)

    assert len(server.requests) == 2
    assert len(dump(faulty.inner)) == 1


@pytest.mark.asyncio
async def test_after_a_pause_one_call_tries_and_the_others_do_not_wait(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """Where it still hangs, that costs one of them its time limit."""
    server.add_connection("user-43", "github")
    async with server.client(shared_cache=shared) as client:
        faulty.faults["all"] = fail
        await ask(client)
        server.advance(6)
        faulty.asked.clear()
        faulty.faults["all"] = hang
        await asyncio.gather(client.get_token(*IDS), client.get_token("user-43", "github"))

    assert faulty.asked == ["get"]


@pytest.mark.asyncio
async def test_a_store_that_cannot_write_leaves_each_its_own_memory(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """A full one costs each process what it would cost without."""
    faulty.faults["acquire"] = fail
    async with server.client(shared_cache=shared) as client:
        for _ in range(30):
            await ask(client)
            server.advance(6)

    assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_the_time_limit_is_for_all_operations_of_a_call(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """Each operation leaves less to the next, and with nothing left there is none."""
    async with server.client(shared_cache=shared) as client:
        call = client._lookup._link.call()
        faulty.faults["all"] = slowly
        before = call.left

        await call.get("a:b")

        assert 0 < call.left < before
        call.left = 0.0
        with pytest.raises(StoreUnavailableError):
            await call.get("a:b")
        assert faulty.asked == ["get"]


@pytest.mark.asyncio
async def test_waiting_for_a_lease_is_apart(
    server: MockNango, encryption_key: str, faulty: FaultyStore
) -> None:
    """Looking again and again does not use the time limit up."""
    shared = SharedCache(faulty, encryption_key=encryption_key, timeout=0.06)
    server.delay_next(0.5)
    async with (
        server.client(shared_cache=shared) as first,
        server.client(shared_cache=shared) as second,
    ):
        call = asyncio.create_task(first.get_token(*IDS))
        while not server.requests:
            await asyncio.sleep(0.01)

        async def little() -> None:
            await asyncio.sleep(0.01)

        faulty.faults["all"] = little
        token = await second.get_token(*IDS)
        assert await call == token

    assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_a_process_that_is_busy_does_not_blame_the_store(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """A loop that is blocked for longer than the time limit finds the answers that have come."""
    events: list[Event] = []

    async def late() -> None:
        await asyncio.sleep(0.001)
        time.sleep(0.06)  # noqa: ASYNC251  this is what is tested

    faulty.faults["all"] = late
    async with server.client(shared_cache=shared, on_event=events.append) as client:
        await ask(client)

    assert "store" not in [event.kind for event in events]
    assert len(dump(faulty.inner)) == 1


@pytest.mark.asyncio
async def test_renewals_go_on_without_it(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """Each process renews by itself, as without a store."""
    async with server.client(shared_cache=shared) as client:
        await ask(client)
        faulty.faults["all"] = fail
        for _ in range(2):
            server.advance(250)
            await ask(client)
            await ask(client)

    assert len(server.requests) == 3
    assert client.cache_info().refreshes == 2


@pytest.mark.asyncio
async def test_a_renewal_that_finds_the_store_down_is_made(
    server: MockNango, encryption_key: str, faulty: FaultyStore
) -> None:
    """Also where it goes down between looking and renewing, or is shut out by then."""
    shared = SharedCache(faulty, encryption_key=encryption_key, local_max_age=400)
    async with server.client(shared_cache=shared) as client:
        await ask(client)
        server.advance(250)
        faulty.faults["acquire"] = fail
        await ask(client)
        assert len(server.requests) == 2
        server.advance(250)
        step = client.get_connection(*IDS)
        with pytest.raises(StopIteration):
            step.send(None)
        shared._gate.note_failure(server.clock)
        await ask(client)

    assert len(server.requests) == 3


@pytest.mark.asyncio
async def test_a_call_finds_the_store_shut_that_was_open_when_it_began(
    server: MockNango, shared: SharedCache
) -> None:
    """Another one has failed in between: the call does not try as well."""
    async with server.client(shared_cache=shared) as client:
        flight = client._lookup.ask(IDS)
        shared._gate.note_failure(server.clock)
        await flight.join()

    assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_an_operation_of_a_call_under_way_does_not_wait_for_a_dead_store(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """What another call has found out while this one fetched, it knows too."""
    server.delay_next(0.05)
    async with server.client(shared_cache=shared) as client:
        call = asyncio.create_task(client.get_token(*IDS))
        while not server.requests:
            await asyncio.sleep(0.01)
        shared._gate.note_failure(server.clock)
        await call

    assert faulty.asked == ["get", "acquire", "get"]


@pytest.mark.asyncio
async def test_what_is_to_be_dropped_is_dropped_when_the_store_is_back(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """Until then this process takes nothing from it."""
    async with (
        server.client(shared_cache=shared) as first,
        server.client(shared_cache=shared) as second,
    ):
        old = await ask(first)
        faulty.faults["delete"] = fail
        server.add_connection(*IDS, expires_in=7200)
        first.invalidate(*IDS)
        new = await ask(first)
        assert new != old
        faulty.faults.clear()
        server.advance(6)
        await ask(first)
        await ask(second)

    assert "delete" in faulty.asked
    assert len(server.requests) == 3


@pytest.mark.asyncio
async def test_a_long_search_goes_on_behind_the_calls(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """A call does not wait for its end, and the drop is done all the same."""
    async with server.client(shared_cache=shared) as client:
        await ask(client)
        gate = asyncio.Event()
        faulty.faults["delete"] = gate.wait
        client.invalidate(None, "github")
        await client.get_token(*IDS)
        assert len(dump(faulty.inner)) == 1
        gate.set()
        await ask(client)

    assert dump(faulty.inner) == {}
    assert shared._gate.pending == {}


@pytest.mark.asyncio
async def test_a_wish_to_drop_that_comes_during_a_drop_counts_again(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """What was stored between the two is dropped as well."""
    async with server.client(shared_cache=shared) as client:
        await ask(client)

        def again() -> None:
            faulty.faults.clear()
            client.invalidate(None, "github")

        faulty.faults["delete"] = again
        client.invalidate(None, "github")
        await ask(client)
        client.invalidate(*IDS)
        await client._lookup.settle()

    assert faulty.asked.count("delete") == 4
    assert shared._gate.pending == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", NONSENSE)
async def test_invalidating_for_all_says_when_it_could_not(
    server: MockNango, shared: SharedCache, faulty: FaultyStore, fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A TransportError, an event, and the store is told with a later call."""
    monkeypatch.setattr("nango_client._credentials.fleet._INVALIDATION_LIMIT", 0.05)
    events: list[Event] = []
    async with server.client(shared_cache=shared, on_event=events.append) as client:
        await ask(client)
        faulty.faults["all"] = NONSENSE[fault]
        with pytest.raises(TransportError, match="could not be told") as caught:
            await client.invalidate_shared(*IDS)
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None
        faulty.faults.clear()
        await client.get_token(*IDS)

    assert [event.kind for event in events].count("store") == 1
    assert len(server.requests) == 2


@pytest.mark.asyncio
async def test_a_closed_one_cannot_be_told(server: MockNango, shared: SharedCache) -> None:
    """It is not opened again for that."""
    await shared.close()
    async with server.client(shared_cache=shared) as client:
        with pytest.raises(TransportError):
            await client.invalidate_shared()


@pytest.mark.asyncio
@pytest.mark.parametrize("left", [float("nan"), float("inf"), -1.0, 0, None, "9", 1e9])
async def test_a_time_that_cannot_be_is_not_believed(
    server: MockNango, encryption_key: str, left: Any
) -> None:
    """What is not a number, is over, or is more than was given, counts as absent."""

    class Store(MemoryStore):
        async def get(self, key: str) -> tuple[bytes, float] | None:
            found = await super().get(key)
            return None if found is None else (found[0], left)

    shared = SharedCache(Store(server.clock), encryption_key=encryption_key)
    for _ in range(2):
        async with server.client(shared_cache=shared, retry=ONCE) as client:
            assert await client.get_token(*IDS)

    assert len(server.requests) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", ["text", 7, (1, 2, 3), ("text", 5.0), (None, 5.0), (b"", 5)])
async def test_answers_of_another_kind_are_no_harm(
    server: MockNango, encryption_key: str, answer: Any
) -> None:
    """A store that talks nonsense is as good as none."""

    class Store(MemoryStore):
        async def get(self, key: str) -> tuple[bytes, float] | None:
            return answer  # type: ignore[no-any-return]

    shared = SharedCache(Store(server.clock), encryption_key=encryption_key)
    async with server.client(shared_cache=shared, retry=ONCE) as client:
        assert await client.get_token(*IDS)


@pytest.mark.asyncio
@pytest.mark.parametrize("damage", ["cut", "swapped", "tampered", "emptied", "foreign"])
async def test_damaged_entries_count_as_absent(
    server: MockNango, encryption_key: str, damage: str
) -> None:
    """Cut, moved to another name, altered, emptied, or sealed with another key."""
    store = MemoryStore(server.clock)
    shared = SharedCache(store, encryption_key=encryption_key)
    server.add_connection("user-7", "github")
    async with server.client(shared_cache=shared) as client:
        mine = await client.get_token(*IDS)
        await client.get_token("user-7", "github")
    (one, first), (two, second) = dump(store).items()
    if damage == "swapped":
        put(store, one, second)
        put(store, two, first)
    elif damage == "foreign":
        shared = SharedCache(store, encryption_key=SharedCache.generate_key())
    else:
        for key, value in dump(store).items():
            broken = {"cut": value[:-9], "emptied": b"",
                      "tampered": value[:99] + bytes([value[99] ^ 1]) + value[100:]}  # fmt: skip
            put(store, key, broken[damage])

    async with server.client(shared_cache=shared) as client:
        assert await client.get_token(*IDS) == mine
        await client.get_token("user-7", "github")

    assert len(server.requests) == 4


@pytest.mark.asyncio
async def test_an_error_that_is_ours_is_raised(server: MockNango, shared: SharedCache) -> None:
    """A failing store does not hide what Nango says."""
    server.fail_next(404, code="not_found")
    async with server.client(shared_cache=shared) as client:
        with pytest.raises(NangoError):
            await client.get_token("nobody", "github")


@pytest.mark.asyncio
async def test_a_real_clock_is_fine(server: MockNango, encryption_key: str) -> None:
    """The machine's own, as in production."""
    shared = SharedCache(MemoryStore(), encryption_key=encryption_key)
    for _ in range(2):
        async with server.client(shared_cache=shared, clock=SystemClock()) as client:
            await client.get_token(*IDS)

    assert len(server.requests) == 1


@pytest.mark.asyncio
async def test_past_max_age_a_call_asks_nango_without_the_store(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """As one process alone would; and a connection that is gone is dropped from both."""
    async with server.client(shared_cache=shared, retry=ONCE) as client:
        await ask(client)
        faulty.faults["all"] = fail
        server.advance(310)
        await ask(client)
        assert len(server.requests) == 2
        server.advance(310)
        server.fail_next(400, code="unknown_provider_config")
        assert await ask(client) == "UnknownIntegrationError"
        assert shared._gate.pending == {}
        server.fail_next(404, code="not_found")
        assert await ask(client) == "NotFoundError"

    assert len(shared._gate.pending) == 2


@pytest.mark.asyncio
async def test_a_forced_renewal_does_not_wait_for_a_shut_store(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """It remembers to have everything from before dropped."""
    async with server.client(shared_cache=shared) as client:
        await ask(client)
        shared._gate.note_failure(server.clock)
        faulty.asked.clear()
        await ask(client, force_refresh=True)
        assert faulty.asked == []
        server.advance(6)
        await ask(client)

    assert faulty.asked[:2] == ["delete", "delete"]


@pytest.mark.asyncio
async def test_calls_share_the_wait_for_a_drop(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """One search serves all that come meanwhile."""
    server.add_connection("user-7", "github")
    async with server.client(shared_cache=shared) as client:
        faulty.faults["delete"] = slowly
        client.invalidate(None, "github")
        await asyncio.gather(client.get_token(*IDS), client.get_token("user-7", "github"))

    assert faulty.asked.count("delete") == 1


def test_a_drop_ends_with_its_event_loop(
    server: MockNango, shared: SharedCache, faulty: FaultyStore
) -> None:
    """It is made up for under the next one."""
    client = server.client(shared_cache=shared)
    faulty.faults["delete"] = hang

    async def leave() -> None:
        client.invalidate(None, "github")
        await client.get_token(*IDS)

    asyncio.run(leave())
    faulty.faults.clear()
    server.advance(6)
    asyncio.run(client.get_token(*IDS))

    assert faulty.asked.count("delete") == 2
    assert shared._gate.pending == {}
    asyncio.run(client.close())
