"""Two processes of a fleet, as two clients with one store and a clock that is moved by hand."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from stores import IDS, ONCE, FaultyStore, ask, dump, fail, hang, opened, put, settled

from nango_client import (
    CacheInfo,
    CachePolicy,
    Event,
    InvalidCredentialsError,
    NangoClient,
    NangoError,
    SharedCache,
    TimeoutPolicy,
)
from nango_client.testing import FakeClock, MemoryStore, MockNango

pytestmark = pytest.mark.asyncio

Pair = tuple[NangoClient, NangoClient]


@pytest_asyncio.fixture
async def fleet(server: MockNango, shared: SharedCache) -> AsyncIterator[Pair]:
    async with (
        server.client(shared_cache=shared, retry=ONCE) as first,
        server.client(shared_cache=shared, retry=ONCE) as second,
    ):
        yield first, second


async def test_what_one_has_fetched_the_other_has(fleet: Pair, server: MockNango) -> None:
    """One request; the answer from the store is a hit, and equal in every field."""
    first, second = fleet

    mine = await first.get_connection(*IDS)
    theirs = await second.get_connection(*IDS)

    assert theirs == mine
    assert len(server.requests) == 1
    assert first.cache_info() == CacheInfo(0, 1, 0, 0, 0, 0, 1)
    assert second.cache_info() == CacheInfo(1, 0, 0, 0, 0, 0, 1)


async def test_both_at_once_make_one_request(fleet: Pair, server: MockNango) -> None:
    """Who comes second waits for the lease and is served from the store."""
    server.delay_next(0.1)

    tokens = await asyncio.gather(*(client.get_token(*IDS) for client in fleet * 50))

    assert len(set(tokens)) == 1
    assert len(server.requests) == 1
    infos = [client.cache_info() for client in fleet]
    assert sorted((info.misses, info.hits) for info in infos) == [(0, 1), (1, 0)]
    assert [info.coalesced for info in infos] == [49, 49]


async def test_for_a_while_a_process_asks_nobody(
    server: MockNango, shared: SharedCache, encryption_key: str
) -> None:
    """local_max_age seconds from its own memory, then the store first, then its memory again."""
    store = FaultyStore(server.clock)
    shared = SharedCache(store, encryption_key=encryption_key, local_max_age=5)
    async with server.client(shared_cache=shared) as client:
        await ask(client)
        store.asked.clear()
        await ask(client)
        server.advance(4.9)
        await ask(client)
        assert store.asked == []
        server.advance(0.2)
        await ask(client)
        await ask(client)

    assert store.asked == ["get"]
    assert len(server.requests) == 1


async def test_a_hit_in_memory_does_not_yield(fleet: Pair) -> None:
    """As without a shared cache."""
    await fleet[0].get_connection(*IDS)
    step = fleet[0].get_connection(*IDS)

    with pytest.raises(StopIteration):
        step.send(None)


async def test_one_process_renews(fleet: Pair, server: MockNango) -> None:
    """An hour of calls in both costs the renewals that one alone would make."""
    for _ in range(240):
        server.advance(15)
        for client in fleet:
            await ask(client)
    together = len(server.requests)
    server.requests.clear()
    async with server.client() as alone:
        for _ in range(240):
            server.advance(15)
            await ask(alone)

    assert together <= len(server.requests)


async def test_both_renew_at_once_and_one_does(fleet: Pair, server: MockNango) -> None:
    """Past the soft line both are served at once; one request runs in the background."""
    for client in fleet:
        await ask(client)
    server.advance(250)
    server.delay_next(0.1)

    tokens = await asyncio.gather(*(client.get_token(*IDS) for client in fleet))
    await settled()

    assert len(set(tokens)) == 1
    assert len(server.requests) == 2
    assert sum(client.cache_info().refreshes for client in fleet) == 1


async def test_a_renewal_that_another_has_made_is_taken_over(
    fleet: Pair, server: MockNango
) -> None:
    """A process that comes to it later sees that it is done."""
    first, second = fleet
    await ask(first)
    await ask(second)
    server.advance(238)
    await ask(second)
    server.advance(2)
    await ask(first)
    # In the second one's memory it is due as well, and the lease is free.
    await ask(second)

    assert len(server.requests) == 2


async def test_a_forced_renewal_is_what_all_get(fleet: Pair, server: MockNango) -> None:
    """After local_max_age at the latest."""
    first, second = fleet
    old = await ask(second)
    new = await ask(first, force_refresh=True)
    server.advance(5)

    assert old != new
    assert await ask(second) == new
    assert len(server.requests) == 2


async def test_a_slower_fetch_that_began_before_a_forced_one_is_not_stored(
    fleet: Pair, server: MockNango, store: MemoryStore, encryption_key: str
) -> None:
    """Its lease was stolen; its answer goes to its own caller, and not into its memory."""
    first, second = fleet
    server.delay_next(0.2)
    slow = asyncio.create_task(first.get_token(*IDS))
    while not server.requests:
        await asyncio.sleep(0.01)

    new = await second.get_token(*IDS, force_refresh=True)
    await slow

    assert await ask(first) == new
    assert await ask(second) == new
    assert len(server.requests) == 2
    assert len(opened(store, encryption_key)) == 1


async def test_who_comes_during_a_forced_fetch_waits_for_it(fleet: Pair, server: MockNango) -> None:
    """What was stored before is gone as soon as somebody distrusts it."""
    first, second = fleet
    await ask(first)
    server.delay_next(0.1)
    forced = asyncio.create_task(first.get_token(*IDS, force_refresh=True))
    while len(server.requests) < 2:
        await asyncio.sleep(0.01)

    assert await second.get_token(*IDS) == await forced
    assert len(server.requests) == 2


async def test_a_forced_fetch_that_fails_leaves_nothing(fleet: Pair, server: MockNango) -> None:
    """As in one process: it may have run."""
    first, second = fleet
    await ask(first)
    server.fail_next(500)

    assert await ask(first, force_refresh=True) == "ServerError"
    assert await ask(second) != "ServerError"
    assert len(server.requests) == 3


async def test_a_forced_fetch_that_is_cancelled_leaves_nothing(
    fleet: Pair, server: MockNango, store: MemoryStore
) -> None:
    """As in one process; its lease is free at once."""
    first, second = fleet
    await ask(first)
    server.delay_next(5)
    forced = asyncio.create_task(first.get_token(*IDS, force_refresh=True))
    while len(server.requests) < 2:
        await asyncio.sleep(0.01)

    forced.cancel()
    await asyncio.gather(forced, return_exceptions=True)
    await settled()

    assert dump(store) == {}
    assert await ask(second)
    assert len(server.requests) == 3


async def test_two_forced_fetches_the_later_one_wins(fleet: Pair, server: MockNango) -> None:
    """Each makes its own request, as both distrust what there was."""
    first, second = fleet
    server.delay_next(0.2)
    slow = asyncio.create_task(first.get_token(*IDS, force_refresh=True))
    while not server.requests:
        await asyncio.sleep(0.01)
    await second.get_token(*IDS, force_refresh=True)
    await slow

    server.advance(6)
    assert await ask(first) == await ask(second)


async def test_with_refresh_tokens_nothing_is_stored(
    fleet: Pair, server: MockNango, store: MemoryStore
) -> None:
    """Each process asks for itself, and keeps it in its memory."""
    for client in fleet:
        for _ in range(3):
            await client.get_connection(*IDS, include_refresh_token=True)
            server.advance(10)
    server.advance(250)
    await fleet[0].get_connection(*IDS, include_refresh_token=True)
    await fleet[0].get_connection(*IDS, include_refresh_token=True, force_refresh=True)
    await settled()

    assert dump(store) == {}
    assert len(server.requests) == 4


@pytest.mark.parametrize("place", ["credentials", "raw", "connection_config"])
async def test_older_servers_that_give_refresh_tokens_unasked_share_nothing(
    fleet: Pair, server: MockNango, store: MemoryStore, place: str
) -> None:
    """Wherever in the answer it is; each process goes on as without a store."""
    server.add_connection(*IDS, expires_in=7200)
    body = await _body_of(server)
    target = {"credentials": body["credentials"], "raw": body["credentials"]["raw"],
              "connection_config": body["connection_config"]}[place]  # fmt: skip
    target["refresh_token"] = "canary"
    server.fail_next(200, body=body, times=2)

    for client in fleet:
        for _ in range(3):
            await ask(client)
            server.advance(10)

    assert len(server.requests) == 2
    assert b"canary" not in b"".join(dump(store).values())


async def test_who_finds_that_an_answer_is_none_to_share_takes_no_lease(
    server: MockNango, encryption_key: str
) -> None:
    """Processes that each have to ask for themselves do so side by side."""
    store = FaultyStore(server.clock)
    shared = SharedCache(store, encryption_key=encryption_key)
    body = await _body_of(server)
    body["credentials"]["refresh_token"] = "canary"
    server.fail_next(200, body=body, times=2)
    async with (
        server.client(shared_cache=shared) as first,
        server.client(shared_cache=shared) as second,
    ):
        await ask(first)
        store.asked.clear()
        await ask(second)

    assert store.asked == ["get"]
    assert len(server.requests) == 2


async def _body_of(server: MockNango) -> dict:
    import json

    import aiohttp

    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {server.api_key}"}) as session,
        session.get(
            f"{server.base_url}/connection/{IDS[0]}?provider_config_key={IDS[1]}"
        ) as answer,
    ):
        body = json.loads(await answer.read())
    server.requests.clear()
    return body


async def test_an_answer_that_cannot_be_cached_is_told_as_such(
    fleet: Pair, server: MockNango
) -> None:
    """A token that has ended is nobody's hit; who waits does not wait in vain for it."""
    ended = {"type": "OAUTH2", "access_token": "x", "raw": {}}
    server.add_connection(*IDS, ended, expires_in=-60)
    server.delay_next(0.1)

    answers = await asyncio.gather(*(client.get_connection(*IDS) for client in fleet))

    assert [answer.credentials.type for answer in answers] == ["OAUTH2", "OAUTH2"]
    assert len(server.requests) == 2
    assert [client.cache_info().hits for client in fleet] == [0, 0]


async def test_the_options_have_entries_of_their_own(fleet: Pair, server: MockNango) -> None:
    """What changes the answer is part of the name in the store."""
    first, second = fleet
    await first.get_connection(*IDS, refresh_github_app_jwt_token=True)
    await second.get_connection(*IDS, refresh_github_app_jwt_token=True)
    await second.get_connection(*IDS)

    assert len(server.requests) == 2


async def test_an_environment_does_not_see_another_ones(
    server: MockNango, shared: SharedCache
) -> None:
    """Another API key, another name in the store."""
    other_key = server.add_key()
    async with (
        server.client(shared_cache=shared) as client,
        server.client(shared_cache=shared, api_key=other_key) as other,
    ):
        await client.get_token(*IDS)
        await other.get_token(*IDS)
        assert await other.invalidate_shared() == 1
        server.advance(6)
        await client.get_token(*IDS)

    assert len(server.requests) == 2


async def test_events_tell_what_happened(server: MockNango, shared: SharedCache) -> None:
    """An answer from the store is a hit, a fetch for all a miss."""
    events: list[Event] = []
    async with (
        server.client(shared_cache=shared, on_event=events.append) as first,
        server.client(shared_cache=shared, on_event=events.append) as second,
    ):
        await ask(first)
        await ask(second)

    assert [event.kind for event in events] == ["miss", "attempt", "hit"]


# Failures.


async def test_a_failure_ends_the_wait_of_all(fleet: Pair, server: MockNango) -> None:
    """One request fails, and all who wait get an equal error with a text of our own."""
    server.delay_next(0.1)
    server.fail_next(503, code="down", message="canary", headers={"Retry-After": "7"})

    errors = await asyncio.gather(
        *(client.get_token(*IDS) for client in fleet), return_exceptions=True
    )

    assert len(server.requests) == 1
    assert [type(error).__name__ for error in errors] == ["ServerError"] * 2
    assert [(e.status, e.code, e.retry_after, e.retryable) for e in errors] == [
        (503, "down", 7.0, True)
    ] * 2
    assert "canary" not in str(errors)
    assert sum(client.cache_info().coalesced for client in fleet) == 1


async def test_a_failure_lives_for_a_second(fleet: Pair, server: MockNango) -> None:
    """For others; who has met it asks again at once, as without a shared cache."""
    first, second = fleet
    server.fail_next(500, times=2)
    assert await ask(first) == "ServerError"
    assert await ask(second) == "ServerError"
    assert len(server.requests) == 1
    assert await ask(first) == "ServerError"
    assert len(server.requests) == 2
    server.advance(1)

    assert await ask(second) != "ServerError"
    assert len(server.requests) == 3


async def test_a_failure_beside_an_answer_lives_no_longer(fleet: Pair, server: MockNango) -> None:
    """The answer stays stored for its own time; what has failed does not."""
    for client in fleet:
        await ask(client)
    server.advance(310)
    server.fail_next(400, code="unknown_provider_config")
    results = [await ask(client) for client in fleet]
    assert results == ["UnknownIntegrationError"] * 2
    server.advance(1)

    assert await ask(fleet[1]) != "UnknownIntegrationError"
    assert len(server.requests) == 3


async def test_bad_credentials_are_remembered_for_all(fleet: Pair, server: MockNango) -> None:
    """For error_ttl seconds, 10 by default."""
    first, second = fleet
    server.fail_next(400, code="invalid_credentials", times=9)
    assert await ask(first) == "RefreshFailedError"
    server.advance(9)
    for client in fleet:
        assert await ask(client) == "RefreshFailedError"
    assert len(server.requests) == 1
    server.advance(1)

    assert await ask(second) == "RefreshFailedError"
    assert len(server.requests) == 2


async def test_a_connection_that_is_gone_is_gone_for_all(fleet: Pair, server: MockNango) -> None:
    """The store drops it with the failure, and the next one to ask learns why."""
    first, second = fleet
    await ask(first)
    await ask(second)
    server.remove_connection(*IDS)
    server.advance(250)
    await ask(first)

    server.advance(0.5)
    assert await ask(first) == "NotFoundError"
    server.advance(5)

    assert await ask(second) == "NotFoundError"


async def test_an_outage_is_sat_out_by_all(fleet: Pair, server: MockNango) -> None:
    """Past max_age one waits for the failure, then all are served what there was."""
    tokens = {await ask(client) for client in fleet}
    server.advance(400)
    server.fail_next(500, times=100)

    for _ in range(20):
        for client in fleet:
            tokens.add(await ask(client))
        server.advance(6)

    assert len(tokens) == 1
    # The first, its failure, and a try every 10 s by one of them.
    assert len(server.requests) <= 1 + 1 + 12
    assert sum(client.cache_info().stale_served for client in fleet) >= 38


async def test_a_failed_renewal_is_tried_again_by_one(fleet: Pair, server: MockNango) -> None:
    """The store keeps when the next try is due."""
    for client in fleet:
        await ask(client)
    server.advance(250)
    server.fail_next(500, times=100)
    for _ in range(4):
        for client in fleet:
            await ask(client)
        server.advance(5)

    assert len(server.requests) == 2


async def test_a_failure_that_is_no_outage_is_raised_by_each(
    fleet: Pair, server: MockNango
) -> None:
    """Past max_age an unknown integration is told, as in one process."""
    for client in fleet:
        await ask(client)
    server.advance(310)
    server.fail_next(400, code="unknown_provider_config", times=9)

    results = [await ask(client) for client in fleet]

    assert results == ["UnknownIntegrationError"] * 2
    assert len(server.requests) == 2


async def test_without_memory_of_errors_the_store_has_none_either(
    server: MockNango, shared: SharedCache
) -> None:
    """error_ttl=0: an InvalidCredentialsError ends waits, like any other."""
    policy = CachePolicy(error_ttl=0)
    server.fail_next(400, code="invalid_credentials", times=9)
    async with (
        server.client(shared_cache=shared, cache=policy) as first,
        server.client(shared_cache=shared, cache=policy) as second,
    ):
        for _ in range(2):
            with pytest.raises(InvalidCredentialsError):
                await first.get_token(*IDS)
        server.advance(1)
        with pytest.raises(InvalidCredentialsError):
            await second.get_token(*IDS)

    assert len(server.requests) == 3


async def test_a_holder_that_is_cancelled_hands_over_at_once(
    fleet: Pair, server: MockNango
) -> None:
    """Its lease is released, not left to end."""
    first, second = fleet
    server.delay_next(30)
    leaving = asyncio.create_task(first.get_token(*IDS))
    while not server.requests:
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(second.get_token(*IDS))
    await asyncio.sleep(0.05)

    leaving.cancel()
    token = await asyncio.wait_for(waiting, 5)

    assert token
    assert len(server.requests) == 2


async def test_who_waits_waits_no_longer_than_a_call_may_take(
    server: MockNango, shared: SharedCache, store: MemoryStore
) -> None:
    """The total time limit holds for waiting too."""
    async with server.client(
        shared_cache=shared, timeout=TimeoutPolicy(attempt=0.2, total=0.3)
    ) as client:
        name = client._lookup._names.of(IDS)
        await store.acquire(name, "somebody", 1000)

        with pytest.raises(NangoError, match="another process asks"):
            await client.get_token(*IDS)

    assert server.requests == []


async def test_waiting_leaves_less_time_for_the_own_fetch(
    server: MockNango, shared: SharedCache, store: MemoryStore
) -> None:
    """Both together take no longer than the total time limit."""
    async with server.client(
        shared_cache=shared, timeout=TimeoutPolicy(attempt=0.5, total=0.5), retry=ONCE
    ) as client:
        name = client._lookup._names.of(IDS)
        await store.acquire(name, "somebody", 1000)
        server.delay_next(5)
        began = asyncio.get_running_loop().time()
        call = asyncio.create_task(client.get_token(*IDS))
        await asyncio.sleep(0.3)
        await store.release(name, "somebody")

        with pytest.raises(TimeoutError):
            await call

        assert asyncio.get_running_loop().time() - began < 0.9


async def test_waiting_first_changes_no_other_time_limit(
    server: MockNango, shared: SharedCache, store: MemoryStore
) -> None:
    """An attempt that takes too long says so itself, with time left to the call."""
    async with server.client(
        shared_cache=shared, timeout=TimeoutPolicy(attempt=0.2, total=9), retry=ONCE
    ) as client:
        name = client._lookup._names.of(IDS)
        await store.acquire(name, "somebody", 1000)
        server.delay_next(5)
        call = asyncio.create_task(client.get_token(*IDS))
        await asyncio.sleep(0.1)
        await store.release(name, "somebody")

        with pytest.raises(TimeoutError, match="no whole answer"):
            await call


async def test_a_long_renewal_leaves_what_is_stored_to_the_others(
    server: MockNango, shared: SharedCache, store: MemoryStore
) -> None:
    """The claim of its holder stands beside the answer, and the new one replaces both."""
    options = {"shared_cache": shared, "timeout": TimeoutPolicy(attempt=0.5, total=1.0)}
    async with server.client(**options) as first, server.client(**options) as second:
        old = await first.get_token(*IDS)
        server.advance(250)
        server.delay_next(0.3)
        await first.get_token(*IDS)
        while len(server.requests) < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.15)

        assert await second.get_token(*IDS) == old
        await settled()

    assert len(server.requests) == 2
    assert len(dump(store)) == 1


async def test_a_gone_connection_is_dropped_where_the_store_cannot_be_told_why(
    server: MockNango, encryption_key: str
) -> None:
    """With the next call that finds the store open; until then nothing is taken from it."""
    store = FaultyStore(server.clock)
    shared = SharedCache(store, encryption_key=encryption_key)
    async with server.client(shared_cache=shared, retry=ONCE) as client:
        await ask(client)
        server.advance(310)
        server.fail_next(404, code="not_found", times=2)
        store.faults["set"] = fail
        assert await ask(client) == "NotFoundError"
        assert await ask(client) == "NotFoundError"
        store.faults.clear()
        assert len(dump(store.inner)) == 1
        server.advance(6)
        await ask(client)

    assert store.asked.count("delete") == 2
    assert len(server.requests) == 4


async def test_an_answer_of_another_connection_is_not_taken(
    server: MockNango, shared: SharedCache, store: MemoryStore, encryption_key: str
) -> None:
    """Nor is one that cannot be read, though it was sealed with the right key for this name."""
    async with server.client(shared_cache=shared) as client:
        await ask(client)
        (envelope,) = opened(store, encryption_key)
        vault, name = client._lookup._vault, envelope.name
    for number, body in enumerate([envelope.body.replace(b"user-42", b"user-43"), b"nonsense"]):
        envelope.body = body
        envelope.fetch = f"another {number}"
        put(store, name, vault.seal(envelope))
        async with server.client(shared_cache=shared) as client:
            await ask(client)
            assert client.cache_info().entries == 1

    assert len(server.requests) == 3


async def test_a_token_without_an_end_is_shared(fleet: Pair, server: MockNango) -> None:
    """It lives under the age limit alone."""
    server.add_connection(*IDS, expires_in=None)
    for client in fleet:
        await ask(client)
    assert len(server.requests) == 1
    server.advance(310)
    for client in fleet:
        await ask(client)

    assert len(server.requests) == 2


async def test_an_answer_that_is_nearly_over_is_not_stored(
    fleet: Pair, server: MockNango, store: MemoryStore
) -> None:
    """By the time that the store has it, there would be nothing left."""
    server.add_connection(*IDS, {"type": "OAUTH2", "access_token": "x", "raw": {}}, expires_in=30.1)
    await ask(fleet[0])

    assert dump(store) == {}


async def test_a_reader_past_the_margin_takes_nothing(
    server: MockNango, shared: SharedCache
) -> None:
    """Its own clock says that the token is over, so it asks Nango."""
    early = FakeClock(server.clock.time() + 7180)
    async with (
        server.client(shared_cache=shared) as first,
        server.client(shared_cache=shared, clock=early) as second,
    ):
        await ask(first)
        await ask(second)

    assert len(server.requests) == 2
    assert second.cache_info().hits == 0


async def test_an_answer_is_as_old_as_the_reader_s_clock_says(
    server: MockNango, encryption_key: str
) -> None:
    """Where the store's clock stands still, it does not get past max_age by that."""
    shared = SharedCache(MemoryStore(FakeClock()), encryption_key=encryption_key)
    async with (
        server.client(shared_cache=shared) as first,
        server.client(shared_cache=shared) as second,
    ):
        await ask(first)
        server.advance(310)
        await ask(second)

    assert len(server.requests) == 2
    assert second.cache_info().hits == 0


async def test_an_answer_gets_no_younger_by_a_look_at_the_store(
    server: MockNango, encryption_key: str
) -> None:
    """Where its clock stands still, and the wall clock was set back, the monotonic one counts."""
    shared = SharedCache(MemoryStore(FakeClock()), encryption_key=encryption_key)
    clock = FakeClock(server.clock.time())
    async with server.client(shared_cache=shared, clock=clock) as client:
        await ask(client)
        clock.advance(310)
        clock.jump(wall=-310)
        await ask(client)

    assert len(server.requests) == 2


async def test_a_writer_that_was_wrong_about_the_end_is_not_believed(
    server: MockNango, shared: SharedCache, store: MemoryStore, encryption_key: str
) -> None:
    """The reader counts from the token's own end as well."""
    async with server.client(shared_cache=shared) as client:
        await ask(client)
        vault = client._lookup._vault
    (envelope,) = opened(store, encryption_key)
    server.advance(7180)
    envelope.began, envelope.life = server.clock.time(), 7200.0
    await store.acquire(envelope.name, "wrong", 10)
    await store.set(envelope.name, vault.seal(envelope), 3900, owner="wrong")
    await store.release(envelope.name, "wrong")
    async with server.client(shared_cache=shared) as client:
        await ask(client)

    assert len(server.requests) == 2


@pytest.mark.parametrize(("passed", "jump"), [(0, 6), (6, -6)])
async def test_both_clocks_of_a_process_say_when_to_ask_the_store_again(
    server: MockNango, encryption_key: str, passed: float, jump: float
) -> None:
    """A machine that slept does so, and one whose wall clock was set back."""
    store = FaultyStore(server.clock)
    shared = SharedCache(store, encryption_key=encryption_key, local_max_age=5)
    clock = FakeClock(server.clock.time())
    async with server.client(shared_cache=shared, clock=clock) as client:
        await ask(client)
        store.asked.clear()
        clock.advance(passed)
        clock.jump(wall=jump)
        await ask(client)

    assert store.asked == ["get"]


async def test_the_store_is_given_the_life_that_is_left_after_the_fetch(
    server: MockNango, shared: SharedCache, store: MemoryStore
) -> None:
    """A slow one has used up some of it."""
    async with server.client(shared_cache=shared) as client:
        server.delay_next(0.05)
        call = asyncio.create_task(client.get_token(*IDS))
        while not server.requests:
            await asyncio.sleep(0.002)
        server.advance(10)
        await call
        found = await store.get(client._lookup._names.of(IDS))

    assert found is not None
    assert 3880 < found[1] < 3890


async def test_each_process_has_its_own_margin(server: MockNango, shared: SharedCache) -> None:
    """What one may still serve another one may not."""
    careful = CachePolicy(expiry_margin=9000)
    async with (
        server.client(shared_cache=shared) as first,
        server.client(shared_cache=shared, cache=careful) as second,
    ):
        await ask(first)
        await ask(second)

    assert len(server.requests) == 2
    assert second.cache_info().entries == 0


async def test_a_process_with_a_wrong_clock_leaves_what_is_stored(
    server: MockNango, shared: SharedCache
) -> None:
    """What is over for itself alone stays for the others."""
    early = FakeClock(server.clock.time() + 9000)
    async with (
        server.client(shared_cache=shared) as first,
        server.client(shared_cache=shared, clock=early) as second,
        server.client(shared_cache=shared) as third,
    ):
        await ask(first)
        await ask(second)
        await ask(third)

    assert len(server.requests) == 2
    assert third.cache_info().hits == 1


# Invalidation.


async def test_invalidating_here_counts_what_is_stored_as_absent(
    fleet: Pair, server: MockNango
) -> None:
    """With the next call the store has it dropped, and the other process sees the new answer."""
    first, second = fleet
    for client in fleet:
        await ask(client)

    assert first.invalidate(*IDS) == 1
    new = await ask(first)
    server.advance(5)

    assert await ask(second) == new
    assert len(server.requests) == 2


@pytest.mark.parametrize("ids", [(), ("user-42",), (None, "github")])
async def test_invalidating_many(
    fleet: Pair, server: MockNango, ids: tuple[str | None, ...]
) -> None:
    """By one of the ids, or all."""
    first, second = fleet
    for client in fleet:
        await ask(client)

    first.invalidate(*ids)
    await ask(first)
    server.advance(5)
    await ask(second)

    assert len(server.requests) == 2


async def test_invalidating_others_leaves_it(fleet: Pair, server: MockNango) -> None:
    """Another user, another integration."""
    first, second = fleet
    await ask(first)

    assert await first.invalidate_shared("user-7") == 0
    assert await first.invalidate_shared(None, "slack") == 0
    assert await first.invalidate_shared("user-42", "slack") == 0
    await ask(first)
    await ask(second)

    assert len(server.requests) == 1


async def test_invalidating_for_all_tells_the_store_at_once(
    fleet: Pair, server: MockNango, store: MemoryStore
) -> None:
    """It gives the number of answers that the store dropped."""
    first, second = fleet
    await ask(first)

    assert await second.invalidate_shared(*IDS) == 1
    assert dump(store) == {}
    assert await second.invalidate_shared() == 0
    server.advance(5)
    await ask(first)

    assert len(server.requests) == 2


async def test_a_fetch_from_before_does_not_come_back(
    fleet: Pair, server: MockNango, store: MemoryStore
) -> None:
    """Its lease went with the answers; neither store nor its process keep what it brings."""
    first, second = fleet
    server.delay_next(0.2)
    slow = asyncio.create_task(first.get_token(*IDS))
    while not server.requests:
        await asyncio.sleep(0.01)

    await second.invalidate_shared(*IDS)
    await slow

    assert dump(store) == {}
    assert first.cache_info().entries == 0


async def test_a_fetch_of_this_process_from_before_does_not_come_back(
    fleet: Pair, server: MockNango, store: MemoryStore
) -> None:
    """Dropped here while it fetches: it is not stored anywhere."""
    server.delay_next(0.1)
    slow = asyncio.create_task(fleet[0].get_token(*IDS))
    while not server.requests:
        await asyncio.sleep(0.01)

    fleet[0].invalidate(*IDS)
    await slow

    assert dump(store) == {}
    assert fleet[0].cache_info().entries == 0


async def test_what_is_dropped_while_it_is_on_its_way_is_not_taken(
    server: MockNango, encryption_key: str
) -> None:
    """An answer that the store gave just before does not come into memory after."""
    store = FaultyStore(server.clock)
    shared = SharedCache(store, encryption_key=encryption_key)
    async with (
        server.client(shared_cache=shared) as first,
        server.client(shared_cache=shared) as second,
    ):
        await ask(first)

        def drop() -> None:
            store.faults.clear()
            second.invalidate(*IDS)

        store.faults["get"] = drop
        await ask(second)

    assert len(server.requests) == 2


async def test_a_changed_connection_is_dropped_before_the_call_returns(
    fleet: Pair, server: MockNango, store: MemoryStore
) -> None:
    """The next process to ask gets what the change has made."""
    await ask(fleet[0])

    await fleet[0].connections.set_metadata(*IDS, {"team": "blue"})

    assert dump(store) == {}
    assert fleet[0].cache_info().entries == 0


async def test_what_is_lost_in_the_store_is_not_served_from_memory(
    fleet: Pair, server: MockNango, store: MemoryStore
) -> None:
    """Nobody can tell it from what was dropped, so it counts as dropped."""
    await ask(fleet[0])
    await store.delete("*:*:*:*:*")
    server.advance(5)
    server.fail_next(500)

    assert await ask(fleet[0]) == "ServerError"


async def test_closing_a_client_leaves_the_store(fleet: Pair, server: MockNango) -> None:
    """Only its own memory ends."""
    await ask(fleet[0])
    await fleet[0].close()
    await ask(fleet[1])

    assert len(server.requests) == 1


async def test_a_close_ends_those_who_wait_for_the_store(
    server: MockNango, encryption_key: str
) -> None:
    """Within a second, also where the store hangs."""
    store = FaultyStore(server.clock)
    store.faults["get"] = hang
    shared = SharedCache(store, encryption_key=encryption_key, timeout=5)
    client = server.client(shared_cache=shared)
    call = asyncio.create_task(client.get_token(*IDS))
    await asyncio.sleep(0.01)

    await client.close()

    with pytest.raises(NangoError, match="closed"):
        await call


# Between one step and the next.


async def test_a_forced_fetch_takes_a_lease_that_was_taken_just_before(
    server: MockNango, encryption_key: str
) -> None:
    """Between its drop and its own lease; what the other one fetches may be from before."""
    store = FaultyStore(server.clock)
    shared = SharedCache(store, encryption_key=encryption_key)
    async with server.client(shared_cache=shared) as client:
        name = client._lookup._names.of(IDS)

        async def somebody() -> None:
            store.faults.clear()
            await store.inner.acquire(name, "somebody", 100)

        store.faults["acquire"] = somebody
        await ask(client, force_refresh=True)

    assert len(dump(store.inner)) == 1
    assert not await store.inner.set(name, b"from before", 100, owner="somebody")


async def test_what_is_stored_during_a_forced_fetch_that_is_none_to_share_is_dropped(
    fleet: Pair, server: MockNango, store: MemoryStore
) -> None:
    """It may hold the token that was replaced."""
    first, second = fleet
    server.delay_next(0.1)
    forced = asyncio.create_task(
        first.get_connection(*IDS, include_refresh_token=True, force_refresh=True)
    )
    while not server.requests:
        await asyncio.sleep(0.002)
    await second.get_token(*IDS)
    assert len(dump(store)) == 1

    await forced

    assert dump(store) == {}


async def test_a_renewal_under_way_elsewhere_is_left_alone(
    server: MockNango, encryption_key: str
) -> None:
    """Calls meanwhile do not ask for the lease again and again."""
    store = FaultyStore(server.clock)
    shared = SharedCache(store, encryption_key=encryption_key)
    async with server.client(shared_cache=shared) as client:
        await ask(client)
        server.advance(250)
        await store.inner.acquire(client._lookup._names.of(IDS), "somebody", 100)
        store.asked.clear()
        for _ in range(5):
            await ask(client)
            await asyncio.sleep(0)

    assert store.asked.count("acquire") == 1
    assert len(server.requests) == 1


async def test_the_claim_of_another_gives_no_right_to_store(
    server: MockNango, encryption_key: str
) -> None:
    """Who fetches for long holds its lease again after the other one has died with it."""
    store = FaultyStore(server.clock)
    shared = SharedCache(store, encryption_key=encryption_key, timeout=5.0)
    async with server.client(
        shared_cache=shared, timeout=TimeoutPolicy(attempt=0.15, total=3.0)
    ) as client:
        server.delay_next(0.12)
        name = client._lookup._names.of(IDS)
        call = asyncio.create_task(client.get_token(*IDS))
        while store.asked.count("acquire") < 2:
            await asyncio.sleep(0.001)
        (claim,) = opened(store.inner, encryption_key)
        claim.claim = "another"
        put(store.inner, name, client._lookup._vault.seal(claim))
        await call

    (left,) = opened(store.inner, encryption_key)
    assert (left.claim, left.body) == ("another", b"")
