"""A used up rate limit as callers meet it: a client, a mock server, time moved by the test."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import aiohttp
import pytest
from wire_server import WireServer, answer

from nango_client import (
    CachePolicy,
    ClientClosedError,
    Connection,
    Event,
    NangoClient,
    NangoError,
    RateLimitError,
    RetryPolicy,
    TimeoutPolicy,
)
from nango_client.testing import MockNango

# Lets a call wait through as many windows as it takes.
PATIENT: Final = {
    "retry": RetryPolicy(max_retry_after=60.0),
    "timeout": TimeoutPolicy(total=3_600.0),
}
Answer = Connection | NangoError


def limited(limit: int, users: int) -> MockNango:
    """A server with connections user-0, user-1, … of one integration."""
    server = MockNango(rate_limit=limit)
    for number in range(users):
        server.add_connection(f"user-{number}", "github")
    return server


async def ask(client: NangoClient, number: int) -> Answer:
    try:
        return await client.get_connection(f"user-{number}", "github")
    except NangoError as error:
        return error


def ask_all(client: NangoClient, numbers: range) -> list[asyncio.Task[Answer]]:
    return [asyncio.create_task(ask(client, number)) for number in numbers]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def waiting(client: NangoClient) -> int:
    """How many requests the gate holds back."""
    return len(client._gate._queue)


def done(calls: list[asyncio.Task[Answer]]) -> int:
    return sum(call.done() for call in calls)


def refusals(events: list[Event]) -> int:
    return sum(event.kind == "attempt" and event.status == 429 for event in events)


def ids(server: MockNango, begin: int = 0) -> list[str | None]:
    return [request.connection_id for request in server.requests[begin:]]


@pytest.mark.asyncio
async def test_a_thousand_cold_keys_all_succeed() -> None:
    """Refused is what was under way; then each minute sees 200 requests, and hits go on."""
    events: list[Event] = []
    with limited(200, 1_000) as server:
        async with server.client(on_event=events.append, **PATIENT) as client:
            calls = ask_all(client, range(1_000))
            minutes = [0]
            for minute in range(5):
                count = 200 * (minute + 1)
                await until(lambda count=count: done(calls) == count)  # type: ignore[misc]
                await until(lambda count=count: waiting(client) == 1_000 - count)  # type: ignore[misc]
                minutes.append(len(server.requests))
                for call in calls:
                    if call.done():
                        found = call.result()
                        assert isinstance(found, Connection)
                        assert await client.get_connection(found.connection_id, "github") is found
                server.advance(61)

    per_minute = [after - before for before, after in pairwise(minutes)]
    assert all(isinstance(call.result(), Connection) for call in calls)
    assert 1 <= refusals(events) <= 100
    assert per_minute == [200 + refusals(events), 200, 200, 200, 200]


@pytest.mark.asyncio
async def test_a_clock_that_is_moved_to_the_very_end_of_the_window_lets_them_out() -> None:
    """A second later, because the server cuts the end off to whole seconds."""
    with limited(1, 2) as server:
        async with server.client(**PATIENT) as client:
            calls = ask_all(client, range(2))
            await until(lambda: waiting(client) == 1)

            server.advance(60)

            answers = await asyncio.gather(*calls)

    assert all(isinstance(found, Connection) for found in answers)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"retry": RetryPolicy(max_retry_after=59.0), "timeout": TimeoutPolicy(total=600.0)},
        {"retry": RetryPolicy(max_retry_after=60.0), "timeout": TimeoutPolicy(total=61.0)},
        {"retry": RetryPolicy(max_attempts=1, max_retry_after=60.0)},
    ],
    ids=["max_retry_after", "total", "no retries"],
)
@pytest.mark.asyncio
async def test_those_who_may_not_wait_fail_at_once_and_unsent(options: dict[str, object]) -> None:
    """Of 1,000 only those fail at the server that were under way; each error is its own object."""
    with limited(200, 1_000) as server:
        async with server.client(**options) as client:  # type: ignore[arg-type]
            answers = await asyncio.gather(*ask_all(client, range(1_000)))
            sent = len(server.requests)
            late = await ask(client, 999)
            hit = await ask(client, 0)

    errors = [found for found in (*answers, late) if isinstance(found, RateLimitError)]
    assert len(errors) == 801
    assert len({id(error) for error in errors}) == 801
    assert {(error.retry_after, error.code) for error in errors} == {(60.0, "too_many_request")}
    assert 200 < sent <= 300
    assert len(server.requests) == sent
    assert isinstance(hit, Connection)


@pytest.mark.asyncio
async def test_without_retries_the_next_window_is_used_as_soon_as_it_begins() -> None:
    """At most the limit goes out in it; what is over is refused unsent."""
    with limited(2, 6) as server:
        async with server.client(retry=RetryPolicy(max_attempts=1)) as client:
            for number in range(3):
                await ask(client, number)
            refused = await ask(client, 3)
            sent = len(server.requests)
            server.advance(60)

            answers = [await ask(client, number) for number in range(3, 6)]

    assert isinstance(refused, RateLimitError)
    assert sent == 3
    assert [type(found) for found in answers] == [Connection, Connection, RateLimitError]
    assert ids(server, sent) == ["user-3", "user-4"]


@pytest.mark.asyncio
async def test_a_place_in_a_later_window_is_not_waited_for_in_vain() -> None:
    """With 20 s left and the default limits the first ones wait, and the others fail at once."""
    with limited(2, 6) as server:
        async with server.client() as client:
            await ask(client, 0)
            server.advance(40)
            await ask(client, 1)
            calls = [asyncio.create_task(ask(client, 2))]
            await until(lambda: waiting(client) == 1)
            calls += ask_all(client, range(3, 6))
            await until(lambda: sum(call.done() for call in calls) == 2)
            sent = len(server.requests)

            server.advance(21)
            answers = await asyncio.gather(*calls)

    assert sent == 3
    assert [isinstance(found, Connection) for found in answers] == [True, True, False, False]
    assert ids(server, sent) == ["user-2", "user-3"]


@pytest.mark.asyncio
async def test_those_who_wait_go_in_order() -> None:
    """The one that was refused too, which came first."""
    with limited(1, 8) as server:
        server.add_connection("first", "github")
        async with server.client(**PATIENT) as client:
            await client.get_connection("first", "github")
            calls = [asyncio.create_task(ask(client, 0))]
            await until(lambda: waiting(client) == 1)
            calls += ask_all(client, range(1, 8))
            for number in range(8):
                await until(lambda number=number: done(calls) == number)  # type: ignore[misc]
                server.advance(61)
            await asyncio.gather(*calls)

    assert ids(server, 2) == [f"user-{number}" for number in range(8)]


@pytest.mark.asyncio
async def test_waiting_unsent_takes_no_retry_from_the_budget() -> None:
    """Only the one that was refused is sent again."""
    events: list[Event] = []
    with limited(1, 4) as server:
        async with server.client(on_event=events.append, **PATIENT) as client:
            await ask(client, 0)
            calls = ask_all(client, range(1, 2))
            await until(lambda: waiting(client) == 1)
            calls += ask_all(client, range(2, 4))
            for number in range(3):
                await until(lambda number=number: done(calls) == number)  # type: ignore[misc]
                server.advance(61)
            await asyncio.gather(*calls)

    assert sum(event.kind == "retry" for event in events) == 1
    assert [event.attempt for event in events if event.kind == "attempt"] == [1, 1, 2, 1, 1]


@pytest.mark.asyncio
async def test_a_renewal_by_force_waits_too() -> None:
    """The cached token does not serve who asks for another one."""
    with limited(1, 1) as server:
        async with server.client(**PATIENT) as client:
            await ask(client, 0)
            forced = asyncio.create_task(client.get_token("user-0", "github", force_refresh=True))
            await until(lambda: waiting(client) == 1)
            server.advance(61)
            await forced

    assert server.refresh_count("user-0", "github") == 1


@pytest.mark.parametrize("already_shut", [True, False])
@pytest.mark.asyncio
async def test_a_stale_answer_serves_at_once(already_shut: bool) -> None:
    """Also where its own request is the one that is refused."""
    with limited(2, 3) as server:
        async with server.client(cache=CachePolicy(max_age=50.0), **PATIENT) as client:
            first = await ask(client, 0)
            server.advance(55)
            # Another process uses the window up.
            async with server.client() as other:
                await ask(other, 1)
            if already_shut:
                blocked = asyncio.create_task(ask(client, 2))
                await until(lambda: waiting(client) == 1)
            sent = len(server.requests)

            again = await asyncio.wait_for(ask(client, 0), 5)
            held = len(server.requests)
            server.advance(61)
            if already_shut:
                await blocked

    assert again is first
    assert client.cache_info().stale_served == 1
    assert held - sent == (0 if already_shut else 1)


@pytest.mark.asyncio
async def test_a_renewal_in_the_background_does_not_queue() -> None:
    """It counts as failed, unsent, and is tried again at the next soft line."""
    with limited(2, 2) as server:
        async with server.client(cache=CachePolicy(max_age=100.0), **PATIENT) as client:
            first = await ask(client, 0)
            server.advance(81)
            async with server.client() as other:
                await ask(other, 0)
                await ask(other, 1)
            blocked = asyncio.create_task(ask(client, 1))
            await until(lambda: waiting(client) == 1)
            sent = len(server.requests)

            hits = [await ask(client, 0), await ask(client, 0)]
            await until(lambda: len(client._lookup._flights) == 1)
            refreshes, queued = client.cache_info().refreshes, waiting(client)
            unsent = len(server.requests) == sent
            blocked.cancel()
            server.advance(12)
            hits.append(await ask(client, 0))

    assert hits == [first] * 3
    assert (refreshes, queued, unsent) == (1, 1, True)
    assert client.cache_info().refreshes == 2


@pytest.mark.asyncio
async def test_a_caller_who_needs_a_renewal_that_is_refused_waits_for_it() -> None:
    """It began in the background; meanwhile its answer has become the only one."""
    with limited(2, 1) as server:
        server.add_connection("short", "github", "API_KEY")
        async with server.client(
            cache=CachePolicy(max_age=100.0, stale_if_error=0.0), **PATIENT
        ) as client:
            await client.get_connection("short", "github")
            server.advance(81)
            async with server.client() as other:
                await ask(other, 0)
                await other.get_connection("short", "github")
            server.delay_next(0.2)
            await client.get_connection("short", "github")
            await until(lambda: len(server.requests) == 4)
            server.advance(20)

            call = asyncio.create_task(client.get_connection("short", "github"))
            await until(lambda: waiting(client) == 1)
            server.advance(61)

            assert (await call).connection_id == "short"

    assert client.cache_info().coalesced == 1


@pytest.mark.asyncio
async def test_a_window_that_another_process_has_used_up_shuts_the_gate_again() -> None:
    """Those who wait are let out, refused, and let out again by their retries."""
    with limited(2, 5) as server:
        async with server.client(**PATIENT) as client, server.client() as other:
            await ask(client, 0)
            await ask(client, 1)
            calls = ask_all(client, range(2, 3))
            await until(lambda: waiting(client) == 1)
            server.advance(60.5)
            await ask(other, 3)
            await ask(other, 4)
            server.advance(1)
            await until(lambda: len(server.requests) == 6)
            await until(lambda: waiting(client) == 1)

            server.advance(61)

            (found,) = await asyncio.gather(*calls)

    assert isinstance(found, Connection)
    assert len(server.requests) == 7


@pytest.mark.asyncio
async def test_a_cancelled_caller_leaves_the_queue() -> None:
    """Its place goes to the next one, and nothing is sent for it."""
    with limited(1, 3) as server:
        async with server.client(**PATIENT) as client:
            await ask(client, 0)
            calls = ask_all(client, range(1, 3))
            await until(lambda: waiting(client) == 2)
            sent = len(server.requests)
            calls[0].cancel()
            await until(lambda: waiting(client) == 1)

            server.advance(61)

            assert isinstance(await calls[1], Connection)

    assert ids(server, sent) == ["user-2"]


@pytest.mark.asyncio
async def test_close_ends_those_who_wait() -> None:
    """Within a second, with `ClientClosedError`."""
    with limited(1, 50) as server:
        client = server.client(**PATIENT)
        await ask(client, 0)
        calls = ask_all(client, range(1, 50))
        await until(lambda: waiting(client) == 49)

        async with asyncio.timeout(1):
            await client.close()
            errors = await asyncio.gather(*calls)

    assert {type(error) for error in errors} == {ClientClosedError}
    assert waiting(client) == 0


@pytest.mark.asyncio
async def test_a_borrowed_sessions_smaller_pool_is_kept_to() -> None:
    """With three connections at most three requests are refused."""
    events: list[Event] = []
    with limited(5, 40) as server:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit_per_host=3)) as own:
            async with server.client(session=own, on_event=events.append, **PATIENT) as client:
                calls = ask_all(client, range(40))
                for number in range(5, 40, 5):
                    await until(lambda number=number: done(calls) == number)  # type: ignore[misc]
                    await until(lambda number=number: waiting(client) == 40 - number)  # type: ignore[misc]
                    server.advance(61)
                answers = await asyncio.gather(*calls)

    assert all(isinstance(found, Connection) for found in answers)
    assert 1 <= refusals(events) <= 3


@pytest.mark.asyncio
async def test_a_pool_without_a_bound_sends_all_at_once() -> None:
    """Then all of them were under way."""
    with limited(100, 150) as server:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as own:
            async with server.client(session=own, retry=RetryPolicy(max_attempts=1)) as client:
                server.delay_next(0.2, times=150)
                await asyncio.gather(*ask_all(client, range(150)))

    assert len(server.requests) == 150


@pytest.mark.asyncio
async def test_a_proxys_own_429_holds_nobody_back() -> None:
    """Without Nango's code it says nothing of the account, and is retried as ever."""
    refused = answer(429, b'{"error": {"message": "slow down"}}', Retry_After="0")
    async with WireServer(refused, answer()) as server:
        async with NangoClient("key", base_url=server.url, cache=None) as client:
            first = asyncio.create_task(client.get_connection("user-42", "github"))
            await until(lambda: len(server.requests) == 1)

            await client.get_connection("user-42", "github", include_refresh_token=True)
            at_once = len(server.requests)
            await first

    assert at_once == 2
    assert len(server.requests) == 3


def test_a_client_goes_on_waiting_under_a_second_loop() -> None:
    """The window is the account's, whichever loop asks."""

    async def first() -> None:
        await ask(client, 0)
        ask_all(client, range(1, 3))
        await until(lambda: waiting(client) == 2)

    async def second() -> list[Answer]:
        calls = ask_all(client, range(3, 4))
        await until(lambda: waiting(client) == 1)
        server.advance(61)
        answers = await asyncio.gather(*calls)
        await client.close()
        return answers

    with limited(1, 4) as server:
        client = server.client(**PATIENT)
        asyncio.run(first())
        sent = len(server.requests)
        (found,) = asyncio.run(second())

    assert isinstance(found, Connection)
    assert ids(server, sent) == ["user-3"]
