"""Cache and single flight as a caller meets them: a client, a mock server, time moved by hand."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from nango_client import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    CacheInfo,
    CachePolicy,
    ConnectionFailedError,
    DecodeError,
    Event,
    InvalidArgumentError,
    InvalidCredentialsError,
    NangoClient,
    NangoError,
    NotFoundError,
    PermissionDeniedError,
    ReconnectRequiredError,
    RefreshFailedError,
    RetryPolicy,
    ServerError,
    TokenExpiredError,
    UnknownIntegrationError,
)
from nango_client.testing import FakeClock, MockNango

pytestmark = pytest.mark.asyncio

IDS = ("user-42", "github")
NO_RETRIES = RetryPolicy(max_attempts=1)


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    nango_server.add_connection(*IDS)
    return nango_server


@pytest_asyncio.fixture
async def client(server: MockNango) -> AsyncIterator[NangoClient]:
    async with server.client(retry=NO_RETRIES) as client:
        yield client


async def settled() -> None:
    """Wait for the requests that run in the background."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == "nango_client request"]
    await asyncio.gather(*tasks, return_exceptions=True)
    # Their landing is a callback of its own.
    await asyncio.sleep(0)


async def ask(client: NangoClient, **options: Any) -> str | NangoError:
    """Give the token, or the error."""
    try:
        return await client.get_token(*IDS, **options)
    except NangoError as error:
        return error
    finally:
        await settled()


async def test_a_second_call_is_answered_from_memory(
    client: NangoClient, server: MockNango
) -> None:
    """Two calls, one request, the same frozen object."""
    first = await client.get_connection(*IDS)
    second = await client.connections.get(*IDS)

    assert first is second
    assert len(server.requests) == 1
    assert client.cache_info() == CacheInfo(
        hits=1, misses=1, coalesced=0, refreshes=0, stale_served=0, evictions=0, entries=1
    )


async def test_the_namespace_fetches_too(client: NangoClient, server: MockNango) -> None:
    """client.connections.get() is the same as get_connection()."""
    first = await client.connections.get(*IDS, force_refresh=True)

    assert await client.get_connection(*IDS) is first
    assert len(server.requests) == 1


async def test_a_hit_does_not_yield_to_the_event_loop(client: NangoClient) -> None:
    """A hit returns before any other task can run."""
    await client.get_connection(*IDS)
    step = client.get_connection(*IDS)

    with pytest.raises(StopIteration):
        step.send(None)


async def test_everything_that_changes_the_answer_has_its_own_entry(client: NangoClient) -> None:
    """A refresh token is not handed to a caller who did not ask, nor the other way round."""
    plain = await client.get_connection(*IDS)
    full = await client.get_connection(*IDS, include_refresh_token=True)

    assert getattr(plain.credentials, "refresh_token", None) is None
    assert getattr(full.credentials, "refresh_token", None)
    assert client.cache_info().entries == 2


async def test_without_cache_every_call_is_a_request(server: MockNango) -> None:
    """cache=None turns the cache off."""
    async with server.client(cache=None) as client:
        await client.get_connection(*IDS)
        await client.get_connection(*IDS)

    assert len(server.requests) == 2
    assert client.cache_info().entries == 0


async def test_without_cache_concurrent_calls_still_share_a_request(server: MockNango) -> None:
    """Single flight stays with cache=None."""
    async with server.client(cache=None) as client:
        await asyncio.gather(*(client.get_connection(*IDS) for _ in range(100)))

    assert len(server.requests) == 1
    assert client.cache_info().coalesced == 99


async def test_a_short_token_is_never_served_expired(server: MockNango) -> None:
    """A token of 60 s, asked for every second of 180: never one that has ended."""
    server.add_connection(*IDS, expires_in=60.0)
    async with server.client() as client:
        for _ in range(180):
            connection = await client.get_connection(*IDS)
            end = connection.expires_at
            assert end is not None
            assert end.timestamp() > server.clock.time()
            await settled()
            server.advance(1)


async def test_a_token_that_the_server_hands_back_unchanged_causes_no_storm(
    server: MockNango,
) -> None:
    """Inside the server's margin, 10,000 calls in 60 s make at most 3 requests."""
    server.add_connection(*IDS, expires_in=600.0, renew_margin=30.0)
    async with server.client() as client:
        for call in range(10_000):
            await client.get_connection(*IDS)
            if call % 100 == 0:
                await settled()
            server.advance(0.006)

    assert len(server.requests) <= 3


async def test_renewals_grow_with_the_life_and_not_with_the_calls(server: MockNango) -> None:
    """A 10-minute token, renewed by every GET, asked for 3,000 times in 10 minutes."""
    server.add_connection(*IDS, expires_in=600.0)
    async with server.client() as client:
        for _ in range(3_000):
            await client.get_connection(*IDS)
            await settled()
            server.advance(0.2)

    assert len(server.requests) <= 4


async def test_many_callers_of_a_cold_key_make_one_request(
    client: NangoClient, server: MockNango
) -> None:
    """10,000 concurrent callers, one request."""
    tokens = await asyncio.gather(*(client.get_token(*IDS) for _ in range(10_000)))

    assert len(set(tokens)) == 1
    assert len(server.requests) == 1
    assert client.cache_info().coalesced == 9_999


async def test_callers_that_leave_do_not_disturb_the_last_one(
    client: NangoClient, server: MockNango
) -> None:
    """9,999 of 10,000 callers are cancelled: the last one gets its answer from one request."""
    server.delay_next(0.05)
    *leaving, last = [asyncio.create_task(client.get_token(*IDS)) for _ in range(10_000)]
    await asyncio.sleep(0)

    for caller in leaving:
        caller.cancel()

    assert await last
    assert all(caller.cancelled() for caller in leaving)
    assert len(server.requests) == 1


async def test_when_all_callers_leave_the_request_is_aborted(
    client: NangoClient, server: MockNango
) -> None:
    """Nothing is left of a request that nobody waits for, and the next call works."""
    server.delay_next(30)
    callers = [asyncio.create_task(client.get_token(*IDS)) for _ in range(100)]
    await asyncio.sleep(0)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)

    async with asyncio.timeout(0.1):
        await settled()

    assert len(client._lookup._flights) == 0
    assert not client._cache._tickets
    assert client.cache_info().entries == 0


async def test_a_renewal_runs_in_the_background(client: NangoClient, server: MockNango) -> None:
    """Past the soft line the old answer is served at once and one renewal begins."""
    first = await client.get_connection(*IDS)
    server.advance(250)

    seconds = [await client.get_connection(*IDS) for _ in range(10)]
    await settled()
    third = await client.get_connection(*IDS)

    assert all(second is first for second in seconds)
    assert third is not first
    assert len(server.requests) == 2
    assert client.cache_info().refreshes == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503},
        {"status": 429},
        {"status": 400, "code": "invalid_credentials"},
        {"status": 502, "code": "invalid_credentials"},
    ],
)
async def test_an_outage_is_survived_up_to_the_margin(
    client: NangoClient, server: MockNango, fault: dict[str, Any]
) -> None:
    """Nango, or the provider's token endpoint, is down: calls succeed until the margin."""
    token = await ask(client)
    server.fail_next(**fault, times=100_000)

    answers: dict[float, str | NangoError] = {}
    for minute in range(1, 60):
        server.advance(60)
        answers[minute] = await ask(client)
    server.advance(31)

    assert set(answers.values()) == {token}
    assert isinstance(await ask(client), APIStatusError)


async def test_a_refused_connection_is_survived_too(server: MockNango) -> None:
    """The server is gone altogether: the cached answer serves, then the real cause is raised."""
    async with server.client(retry=NO_RETRIES, cache=CachePolicy(stale_if_error=600)) as client:
        token = await ask(client)
        server.stop()

        server.advance(800)
        during = await ask(client)
        server.advance(200)

        assert during == token
        assert isinstance(await ask(client), ConnectionFailedError)


@pytest.mark.parametrize("exhausted", [False, True])
async def test_only_a_renewal_that_is_given_up_ends_an_entry(
    client: NangoClient, server: MockNango, *, exhausted: bool
) -> None:
    """424 "backing off" leaves the token good; 424 "refresh limit reached" says it is gone."""
    token = await ask(client)
    server.advance(2800)
    server.break_refresh(*IDS, exhausted=exhausted)

    answers = [await ask(client) for _ in range(5)]

    if exhausted:
        assert all(isinstance(answer, ReconnectRequiredError) for answer in answers)
    else:
        assert set(answers) == {token}


async def test_an_outage_that_hangs_costs_one_caller_one_wait(server: MockNango) -> None:
    """After one failed wait past max_age, callers get the cached answer at once."""
    async with server.client(retry=NO_RETRIES) as client:
        await ask(client)
        server.advance(400)
        server.fail_next(500)
        await ask(client)
        server.advance(15)
        server.delay_next(30)
        step = client.get_connection(*IDS)

        with pytest.raises(StopIteration):
            step.send(None)

    assert client.cache_info().stale_served == 2
    assert client.cache_info().refreshes == 1


async def test_stale_if_error_zero_raises_at_once(server: MockNango) -> None:
    """CachePolicy(stale_if_error=0) serves nothing past max_age."""
    async with server.client(retry=NO_RETRIES, cache=CachePolicy(stale_if_error=0)) as client:
        await ask(client)
        server.fail_next(500)
        server.advance(301)

        assert isinstance(await ask(client), ServerError)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "unknown_account", AuthenticationError),
        (403, "forbidden", PermissionDeniedError),
        (404, "not_found", NotFoundError),
    ],
)
async def test_an_answer_that_the_connection_is_gone_ends_its_entry(
    client: NangoClient, server: MockNango, status: int, code: str, expected: type[NangoError]
) -> None:
    """A renewal that meets such an answer ends the entry, and the next call sees the cause."""
    await ask(client)
    server.advance(250)
    server.fail_next(status, code=code, times=2)
    await ask(client)

    assert isinstance(await ask(client), expected)


@pytest.mark.parametrize("age", [250, 400, 2000])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "404 page not found"),
        (403, "<title>Just a moment...</title>"),
        (401, ""),
        (404, {"message": "no Route matched"}),
        (403, {"error": {"code": "AuthorizationFailed"}}),
    ],
)
async def test_an_answer_that_nango_did_not_give_is_survived_like_an_outage(
    server: MockNango, status: int, body: object, age: float
) -> None:
    """An ingress, a firewall or a login page says nothing about the connection."""
    server.add_connection("user-1", "github", expires_in=30_000)
    async with server.client() as nango:
        token = await nango.get_token("user-1", "github")
        server.advance(age)
        server.fail_next(status, body=body, times=9)

        served = [await nango.get_token("user-1", "github") for _ in range(3)]

        assert served == [token] * 3
        assert nango.cache_info().entries == 1


async def test_such_an_answer_to_a_forced_call_drops_the_entry_all_the_same(
    server: MockNango,
) -> None:
    """It may have run."""
    server.add_connection("user-1", "github")
    async with server.client() as nango:
        await nango.get_token("user-1", "github")
        server.fail_next(404, body="404 page not found")

        with pytest.raises(NotFoundError):
            await nango.get_token("user-1", "github", force_refresh=True)

        assert nango.cache_info().entries == 0


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"code": "server_error", "message": "refresh failed"}},
        {"error": {"code": "refresh_token_external_error", "message": "x"}},
        {"error": "x", "type": "refresh_token_external_error", "payload": {}},
    ],
)
async def test_a_renewal_that_fails_at_an_older_server_is_survived(
    server: MockNango, document: object
) -> None:
    """The provider is down, the token that we hold is not."""
    server.add_connection("user-1", "github", expires_in=30_000)
    async with server.client() as nango:
        token = await nango.get_token("user-1", "github")
        server.advance(400)
        server.fail_next(400, body=document, times=9)

        assert await nango.get_token("user-1", "github") == token


NO_OUTAGE: dict[str, tuple[dict[str, Any], type[NangoError]]] = {
    "HTML": ({"status": 200, "body": "<html>"}, DecodeError),
    "another connection": ({"status": 200, "body": {"id": 1}}, DecodeError),
    "integration gone": (
        {"status": 400, "code": "unknown_provider_config"},
        UnknownIntegrationError,
    ),
    "bad request": ({"status": 400, "code": "invalid_uri_params"}, BadRequestError),
    "redirect": ({"status": 302, "body": ""}, APIStatusError),
}


@pytest.mark.parametrize("began", [301, 295, 250])
@pytest.mark.parametrize("failure", NO_OUTAGE)
async def test_what_is_no_outage_is_raised_past_max_age_every_time(
    client: NangoClient, server: MockNango, failure: str, began: int
) -> None:
    """Such a failure proves nothing about the token: each call past max_age raises it."""
    options, expected = NO_OUTAGE[failure]
    token = await ask(client)
    server.fail_next(**options, times=1_000)
    server.advance(began)
    first = await ask(client)
    server.advance(301 - began)

    results = [await ask(client) for _ in range(3)]

    assert [type(result) for result in results] == [expected] * 3
    assert began == 301 or first == token
    assert client.cache_info().entries == 1


async def test_what_is_no_outage_does_not_cause_a_storm_before_max_age(
    client: NangoClient, server: MockNango
) -> None:
    """Renewals that fail in any way are tried again after a pause, not with every call."""
    token = await ask(client)
    server.advance(250)
    server.fail_next(302, body="", times=1_000)

    results = [await ask(client) for _ in range(100)]

    assert set(results) == {token}
    assert len(server.requests) == 2


async def test_an_outage_ends_with_an_answer_that_is_no_outage(
    client: NangoClient, server: MockNango
) -> None:
    """A server that comes back without the integration is not taken for one that is down."""
    token = await ask(client)
    server.fail_next(500, times=2)
    server.fail_next(400, code="unknown_provider_config", times=1_000)
    server.advance(301)
    during = [await ask(client)]
    server.advance(11)
    during.append(await ask(client))
    server.advance(11)
    during.append(await ask(client))

    after = await ask(client)

    assert during == [token] * 3
    assert isinstance(after, UnknownIntegrationError)


async def test_a_broken_connection_costs_a_request_or_two(
    client: NangoClient, server: MockNango
) -> None:
    """A renewal that is broken, asked for 1,000 times in 10 s, makes at most 2 requests."""
    server.add_connection(*IDS, expires_in=600.0)
    server.break_refresh(*IDS)
    errors = []
    for _ in range(1_000):
        errors.append(await ask(client))
        server.advance(0.0099)

    assert len(server.requests) <= 2
    assert all(isinstance(error, InvalidCredentialsError) for error in errors)
    assert len({id(error) for error in errors}) == 1_000


@pytest.mark.parametrize("way", ["force_refresh", "invalidate"])
async def test_a_mended_connection_works_again_at_once(
    client: NangoClient, server: MockNango, way: str
) -> None:
    """force_refresh and invalidate() look past a remembered failure."""
    server.add_connection(*IDS, expires_in=600.0)
    server.break_refresh(*IDS)
    broken = await ask(client)
    server.mend_refresh(*IDS)
    if way == "invalidate":
        # Nango itself waits for 30 s, unless it is forced.
        server.advance(31)
        client.invalidate(*IDS)

    forced = await ask(client, force_refresh=way == "force_refresh")

    assert isinstance(broken, RefreshFailedError)
    assert isinstance(forced, str)
    assert await ask(client) == forced


async def test_a_remembered_failure_does_not_hide_a_good_answer(
    client: NangoClient, server: MockNango
) -> None:
    """A failed renewal is remembered, and the cached token serves all the same."""
    token = await ask(client)
    server.advance(250)
    server.fail_next(400, code="invalid_credentials")
    await ask(client)

    assert await ask(client) == token


async def test_other_failures_are_not_remembered(client: NangoClient, server: MockNango) -> None:
    """A failed fetch of an unknown key is tried again by the next call."""
    server.fail_next(500)
    first = await ask(client)

    assert isinstance(first, ServerError)
    assert isinstance(await ask(client), str)


async def test_force_refresh_gives_a_new_token_and_stores_it(
    client: NangoClient, server: MockNango
) -> None:
    """force_refresh never reads the cache; later calls get what it brought."""
    old = await ask(client)

    new = await ask(client, force_refresh=True)

    assert new != old
    assert await ask(client) == new
    assert server.requests[-1].query["force_refresh"] == "true"
    assert server.refresh_count(*IDS) == 1


async def test_concurrent_forced_calls_share_one_forced_request(
    client: NangoClient, server: MockNango
) -> None:
    """Forced calls never join an ordinary one, nor the other way round."""
    calls = [client.get_token(*IDS, force_refresh=n % 2 == 0) for n in range(100)]
    await asyncio.gather(*calls)

    assert [r.query.get("force_refresh") for r in server.requests].count("true") == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 404}, {"status": 400}])
async def test_any_failure_of_a_forced_call_drops_the_entry(
    client: NangoClient, server: MockNango, fault: dict[str, Any]
) -> None:
    """Whether the token was rotated is not known, so it is fetched again."""
    await ask(client)
    server.fail_next(**fault)

    await ask(client, force_refresh=True)

    assert client.cache_info().entries == 0


async def test_a_forced_failure_is_not_remembered(client: NangoClient, server: MockNango) -> None:
    """A renewal that cannot be forced says nothing about a token that needs none."""
    token = await ask(client)
    server.break_refresh(*IDS)

    forced = await ask(client, force_refresh=True)

    assert isinstance(forced, RefreshFailedError)
    assert await ask(client) == token
    assert len(server.requests) == 3


async def test_a_forced_call_that_is_cancelled_drops_the_entry(
    client: NangoClient, server: MockNango
) -> None:
    """It may have replaced the token: the next call asks."""
    old = await ask(client)
    server.delay_next(5)
    call = asyncio.create_task(client.get_token(*IDS, force_refresh=True))
    while len(server.requests) < 2:
        await asyncio.sleep(0.001)

    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await settled()
    new = await ask(client)

    assert new != old
    assert server.refresh_count(*IDS) == 1


async def test_a_slow_ordinary_answer_is_not_stored_after_a_forced_failure(
    client: NangoClient, server: MockNango
) -> None:
    """The forced request may have run, and what began before it may bring the old token."""
    server.delay_next(0.1)
    slow = asyncio.create_task(client.get_connection(*IDS))
    while not server.requests:
        await asyncio.sleep(0.001)
    server.drop_next()
    with pytest.raises(ConnectionFailedError):
        await client.get_connection(*IDS, force_refresh=True)

    await slow

    assert client.cache_info().entries == 0


@pytest.mark.parametrize("flag", ["include_refresh_token", "refresh_github_app_jwt_token"])
async def test_any_true_value_is_true(client: NangoClient, server: MockNango, flag: str) -> None:
    """Calls that ask for the same have the same entry, and lose it together."""
    first = await client.get_connection(*IDS, **{flag: 1})  # type: ignore[arg-type]
    second = await client.get_connection(*IDS, **{flag: "yes"})  # type: ignore[arg-type]

    assert first is second
    assert client.invalidate(*IDS) == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize("skew", [-600.0, 600.0])
async def test_a_wrong_local_clock_does_not_end_tokens_that_are_alive(
    server: MockNango, skew: float
) -> None:
    """Nango's own time tells whether the token that it gives has ended."""
    server.add_connection(*IDS, "JWT", expires_in=300.0)
    ended = {"type": "OAUTH2", "access_token": "ended", "raw": {}}
    server.add_connection("user-43", "github", ended, expires_in=-100.0)
    clock = FakeClock(server.clock.time() + skew)

    async with server.client(retry=NO_RETRIES, clock=clock) as client:
        token = await client.get_token(*IDS)
        with pytest.raises(TokenExpiredError):
            await client.get_token("user-43", "github")

    assert token.startswith("fake-")


async def test_a_slow_ordinary_answer_does_not_overwrite_a_forced_one(
    client: NangoClient, server: MockNango
) -> None:
    """A fetch that began before force_refresh and ends after it is not stored."""
    server.delay_next(0.2)
    slow = asyncio.create_task(client.get_token(*IDS))
    while len(server.requests) < 1:
        await asyncio.sleep(0.001)

    forced = await client.get_token(*IDS, force_refresh=True)
    await slow

    assert await client.get_token(*IDS) == forced


async def test_invalidate_makes_the_next_call_ask_anew(
    client: NangoClient, server: MockNango
) -> None:
    """invalidate() gives the number of entries dropped."""
    await client.get_connection(*IDS)

    dropped = client.invalidate(*IDS)
    await client.get_connection(*IDS)

    assert dropped == 1
    assert len(server.requests) == 2


async def test_after_invalidate_nobody_joins_an_older_fetch(
    client: NangoClient, server: MockNango
) -> None:
    """A caller after invalidate() never gets an answer that was asked for before it."""
    server.delay_next(0.1)
    old = asyncio.create_task(client.get_token(*IDS))
    while len(server.requests) < 1:
        await asyncio.sleep(0.001)

    client.invalidate("user-42")
    await client.get_token(*IDS)
    await old

    assert len(server.requests) == 2


async def test_an_expired_token_is_given_but_never_cached(
    client: NangoClient, server: MockNango
) -> None:
    """get_connection gives what Nango said; get_token says that it is of no use."""
    server.add_connection(
        *IDS,
        {
            "type": "OAUTH2",
            "access_token": "old",
            "expires_at": "2020-01-01T00:00:00.000Z",
            "raw": {},
        },
    )

    connection = await client.get_connection(*IDS)

    assert connection.expires_at is not None
    assert connection.credentials.is_expired(connection.created_at)
    assert client.cache_info().entries == 0
    assert isinstance(await ask(client), TokenExpiredError)


async def test_a_secondary_token_bounds_the_life_of_an_answer(
    client: NangoClient, server: MockNango
) -> None:
    """A token inside connection_config that ends first ends the entry."""
    server.add_connection(
        *IDS,
        expires_in=3600.0,
        connection_config={
            "userCredentials": {
                "access_token": "t",
                "expires_at": _iso(server.clock.time() + 100),
            }
        },
    )
    await client.get_connection(*IDS)
    server.advance(71)

    await client.get_connection(*IDS)

    assert len(server.requests) == 2


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


async def test_events_tell_the_outcomes_of_the_cache(server: MockNango) -> None:
    """miss, coalesced, hit, renewal and stale are reported without ids."""
    events: list[Event] = []
    async with server.client(retry=NO_RETRIES, on_event=events.append) as client:
        await asyncio.gather(ask(client), ask(client))
        await ask(client)
        server.advance(250)
        await ask(client)
        server.advance(310)
        server.fail_next(500)
        await ask(client)

    kinds = [event.kind for event in events]
    assert kinds == [
        "miss",
        "coalesced",
        "attempt",
        "hit",
        "hit",
        "renewal",
        "attempt",
        "miss",
        "attempt",
        "stale",
    ]
    assert not any("user-42" in repr(event) for event in events)


async def test_a_million_keys_need_no_more_room_than_a_few(server: MockNango) -> None:
    """Entries are bounded and nothing else is kept per key; scaled down to 500 keys here."""
    async with server.client(cache=CachePolicy(max_entries=10)) as client:
        for number in range(500):
            server.add_connection(f"user-{number}", "github")
        await asyncio.gather(
            *(client.get_connection(f"user-{number}", "github") for number in range(500))
        )
        info = client.cache_info()

    assert (info.entries, info.evictions) == (10, 490)
    assert len(client._lookup._flights) == 0
    assert not client._cache._tickets


async def test_arguments_without_hash_are_refused_as_such(client: NangoClient) -> None:
    """An id of a wrong type is named, whatever type it is."""
    with pytest.raises(InvalidArgumentError, match="connection_id must be a str, not list"):
        await client.get_connection(["user-42"], "github")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="provider_config_key must be a str, not dict"):
        await client.get_connection("user-42", {})  # type: ignore[arg-type]
