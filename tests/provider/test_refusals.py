"""What a 401 of the provider is met with, and which failures are tried again."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from stage import SECRETS_ENTRY, Answer, Server, Stage, entry, status_of

from nango_client import (
    ConnectionFailedError,
    Event,
    OAuth2Credentials,
    RetryPolicy,
    TimeoutPolicy,
    TwoStepCredentials,
)
from nango_client._provider.renewals import Renewals, same

pytestmark = pytest.mark.asyncio


def refuses_all_but(stage: Stage) -> Answer:
    """Give a provider that knows the current token alone."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer token-{stage.token}":
            return web.json_response({"error": "bad token"}, status=401)
        return web.json_response({"ok": True})

    return answer


async def always_401(request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": "no"}, status=401)


async def test_fifty_callers_meet_a_401_and_one_renewal_is_forced() -> None:
    """All of them get their answer with the new token."""
    async with Stage() as stage:
        stage.provider.answer = refuses_all_but(stage)
        acme = stage.client.direct("user-42", "acme")
        assert await status_of(acme.get("/")) == 200
        stage.token += 1
        statuses = await asyncio.gather(*(status_of(acme.get(f"/{n}")) for n in range(50)))

    assert statuses == [200] * 50
    assert stage.asked("force_refresh") == 1


async def test_a_provider_that_always_refuses_costs_one_renewal_a_minute() -> None:
    """Its answers are given, with their bodies."""
    async with Stage(always_401) as stage:
        acme = stage.client.direct("user-42", "acme")
        for _ in range(3):
            async with acme.get("/") as response:
                assert (response.status, await response.json()) == (401, {"error": "no"})
        assert stage.asked("force_refresh") == 1
        stage.clock.advance(61)
        for _ in range(2):
            assert await status_of(acme.get("/")) == 401

    assert stage.asked("force_refresh") == 2


async def test_what_the_cache_holds_is_tried_before_a_renewal() -> None:
    """Somebody else has renewed them meanwhile."""
    async with Stage() as stage:
        begun, go_on = asyncio.Event(), asyncio.Event()
        current = refuses_all_but(stage)

        async def late(request: web.Request) -> web.StreamResponse:
            begun.set()
            await go_on.wait()
            return await current(request)

        stage.provider.answer = late
        acme = stage.client.direct("user-42", "acme")
        call = asyncio.ensure_future(status_of(acme.get("/")))
        await begun.wait()
        await stage.client.get_token("user-42", "acme", force_refresh=True)
        go_on.set()
        assert await call == 200

    assert stage.asked("force_refresh") == 1
    assert len(stage.provider.seen) == 2


async def test_a_renewal_that_fails_or_changes_nothing_gives_the_401() -> None:
    """The request is not sent again."""
    async with Stage(always_401) as stage:
        stage.renews = False
        assert await status_of(stage.client.direct("user-42", "acme").get("/")) == 401
    async with Stage(always_401) as other:
        await other.client.get_token("user-42", "acme")
        other.failing = {"force_refresh"}
        assert await status_of(other.client.direct("user-42", "acme").get("/")) == 401

    assert len(stage.provider.seen) == len(other.provider.seen) == 1
    assert stage.asked("force_refresh") == other.asked("force_refresh") == 1


async def test_keys_are_not_renewed() -> None:
    """Nango could only give the same ones."""
    async with Stage(always_401) as stage:
        stage.kind = {"type": "API_KEY", "apiKey": "canary"}
        stage.entry = entry(stage.provider.url, headers={"X-Key": "${apiKey}"})
        assert await status_of(stage.client.direct("user-42", "acme").get("/")) == 401

    assert stage.asked("force_refresh") == 0


async def test_credentials_of_the_callers_own_are_not_renewed() -> None:
    """It is not ours that were refused."""
    async with Stage(always_401) as stage:
        acme = stage.client.direct("user-42", "acme", headers={"Authorization": "Bearer mine"})
        assert await status_of(acme.get("/")) == 401

    assert stage.asked("force_refresh") == 0


async def test_without_a_cache_what_somebody_else_renewed_is_fetched() -> None:
    """For a minute after a renewal no second one is forced for it."""
    async with Stage(cache=None) as stage:
        current = refuses_all_but(stage)

        async def revoke_first(request: web.Request) -> web.StreamResponse:
            stage.provider.answer = current
            stage.token += 1
            return await current(request)

        acme = stage.client.direct("user-42", "acme")
        for _ in range(2):
            stage.provider.answer = revoke_first
            assert await status_of(acme.get("/")) == 200

    assert stage.asked("force_refresh") == 1
    assert len(stage.provider.seen) == 4


async def test_the_time_of_a_renewal_is_forgotten_after_it() -> None:
    """What is noted of many connections does not pile up."""
    now = 0.0

    async def get_connection(*pair: str, force_refresh: bool = False) -> Any:
        raise AssertionError

    renewals = Renewals(get_connection, get_connection, get_connection, {}, lambda: now)  # type: ignore[arg-type]
    for number in range(10_001):
        renewals._note((str(number), "acme"), now)
        now += 1
    assert len(renewals._forced_at) < 100


async def chunks() -> AsyncIterator[bytes]:
    yield b"one"


@pytest.mark.parametrize(
    ("data", "requests"), [(b"one", 2), (io.BytesIO(b"one"), 2), (chunks(), 1)]
)
async def test_a_body_is_sent_again_unless_it_is_an_iterator(data: Any, requests: int) -> None:
    """A file is read from its beginning; the credentials are renewed for the next call."""
    async with Stage() as stage:
        stage.provider.answer = refuses_all_but(stage)
        await stage.client.get_token("user-42", "acme")
        stage.token += 1
        status = await status_of(stage.client.direct("user-42", "acme").post("/", data=data))

    assert [seen.body for seen in stage.provider.seen] == [b"one"] * requests
    assert status == (200 if requests == 2 else 401)
    assert stage.asked("force_refresh") == 1


async def test_a_long_refusal_is_kept_in_part() -> None:
    """64 KiB of it, and its connection is not held while the credentials are renewed."""

    async def long(request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, body=b"x" * 300_000)

    async with Stage(long) as stage:
        stage.renews = False
        async with stage.client.direct("user-42", "acme").get("/") as response:
            body = await response.read()
            assert await response.read() == body

    assert body == b"x" * 65_536


async def test_a_refusal_that_does_not_end_is_let_go() -> None:
    """What has come of it is not worth more than an attempt's time; a broken one neither."""

    async def stuck(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=401)
        await response.prepare(request)
        await response.write(b"x")
        if request.path == "/broken":
            assert request.transport is not None
            request.transport.abort()
        await asyncio.sleep(10)
        return response

    async with Stage(stuck, timeout=TimeoutPolicy(attempt=0.2)) as stage:
        acme = stage.client.direct("user-42", "acme")
        assert await status_of(acme.get("/stuck")) == 401
        stage.clock.advance(61)
        assert await status_of(acme.get("/broken")) == 401

    assert stage.asked("force_refresh") == 2


async def test_a_request_that_cannot_be_made_anew_gives_the_401() -> None:
    """The secrets that it needs cannot be had any more."""
    async with Stage(always_401) as stage:
        stage.entry = entry(stage.provider.url, **SECRETS_ENTRY)
        secrets = {"type": "OAUTH2", "client_id": "i", "client_secret": "s"}
        stage.integration = {"credentials": secrets}
        acme = stage.client.direct("user-42", "acme")
        assert await status_of(acme.get("/", headers={"X-Client": "mine"})) == 401
        stage.clock.advance(301)
        play = stage.nango.answer

        async def fails_later(request: web.Request) -> web.StreamResponse:
            if "force_refresh" in request.raw_path:
                stage.failing = {"/integrations/"}
                stage.client.invalidate()
            return await play(request)

        stage.nango.answer = fails_later
        assert await status_of(acme.get("/")) == 401


async def test_signed_bodies_are_filled_in_anew() -> None:
    """The new key stands in the body of the second request."""

    async def answer(request: web.Request) -> web.StreamResponse:
        document = await request.json()
        return web.Response(status=200 if document["key"] == "token-2" else 401)

    async with Stage(answer) as stage:
        stage.entry = entry(stage.provider.url, body={"key": "${accessToken}"})
        acme = stage.client.direct("user-42", "acme")
        assert await status_of(acme.post("/", json={"a": 1})) == 200

    assert stage.provider.seen[-1].body == b'{"a":1,"key":"token-2"}'


async def test_when_tokens_end_does_not_make_them_others() -> None:
    """All else does."""
    one = OAuth2Credentials(access_token="a", raw={"x": 1})

    assert same(one, OAuth2Credentials(access_token="a", raw={"x": 2}))
    assert not same(one, OAuth2Credentials(access_token="b"))
    assert not same(one, TwoStepCredentials(token="a"))
    assert not same(TwoStepCredentials(token="a"), TwoStepCredentials(token="a", raw={"x": 1}))


# ---- retries ------------------------------------------------------------------------------------


def failing_first(times: int, status: int, **headers: str) -> Answer:
    """Give a provider that fails so many times."""
    left = times

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal left
        left -= 1
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status if left >= 0 else 200, headers=names)

    return answer


QUICK = RetryPolicy(max_attempts=1, initial_delay=0.01)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_what_may_pass_is_tried_again(method: str, status: int) -> None:
    """As often as `retries` says, which is not at all by default."""
    async with Stage(failing_first(2, status), retry=QUICK) as stage:
        acme = stage.client.direct("user-42", "acme", retries=2)
        assert await status_of(acme.request(method, "/", data=b"x")) == 200
    async with Stage(failing_first(2, status), retry=QUICK) as once:
        assert await status_of(once.client.direct("user-42", "acme").request(method, "/")) == status

    assert (len(stage.provider.seen), len(once.provider.seen)) == (3, 1)


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 503), ("PATCH", 429), ("GET", 500), ("GET", 404)]
)
async def test_what_may_run_twice_or_does_not_pass_is_not_tried_again(
    method: str, status: int
) -> None:
    """The answer is given."""
    async with Stage(failing_first(1, status), retry=QUICK) as stage:
        acme = stage.client.direct("user-42", "acme", retries=2)
        assert await status_of(acme.request(method, "/")) == status

    assert len(stage.provider.seen) == 1


async def test_a_body_that_has_begun_is_not_tried_again() -> None:
    """There is nothing left to send."""
    async with Stage(failing_first(1, 503), retry=QUICK) as stage:
        acme = stage.client.direct("user-42", "acme", retries=2)
        assert await status_of(acme.put("/", data=chunks())) == 503


async def test_waits_are_those_that_the_provider_names() -> None:
    """By its own headers first, else by `Retry-After`; a longer one than ours gives the answer."""
    events: list[Event] = []
    for headers, expected in (
        ({"X_Wait": "0.05", "Retry_After": "9"}, [0.05]),
        ({"Retry_After": "0"}, [0.0]),
        ({"Retry_After": "31"}, []),
    ):
        events.clear()
        answer = failing_first(1, 429, **headers)  # type: ignore[arg-type]
        async with Stage(answer, on_event=events.append, retry=QUICK) as stage:
            stage.entry = entry(stage.provider.url, retry={"after": "x-wait"})
            acme = stage.client.direct("user-42", "acme", retries=1)
            status = await status_of(acme.get("/"))

        delays = [event.delay for event in events if event.kind == "retry"]
        assert delays == expected
        assert status == (200 if expected else 429)


async def test_no_wait_goes_beyond_the_callers_limit() -> None:
    """The answer is given while there is time to read it."""
    async with Stage(failing_first(1, 429, Retry_After="5"), retry=QUICK) as stage:
        acme = stage.client.direct("user-42", "acme", retries=1)
        assert await status_of(acme.get("/", timeout=2)) == 429


async def test_failures_to_connect_are_tried_again() -> None:
    """Nothing has left yet; other failures are not."""
    events: list[Event] = []
    async with Server() as gone:
        url = gone.url
    async with Stage(retry=QUICK, on_event=events.append) as stage:
        acme = stage.client.direct("user-42", "acme", retries=2, base_url=url)
        with pytest.raises(ConnectionFailedError):
            await acme.get("/")
        with pytest.raises(ConnectionFailedError):
            await acme.post("/")

    kinds = [(event.kind, event.method) for event in events if event.route == "direct"]
    assert kinds == [
        *[("attempt", "GET"), ("retry", "GET")] * 2,
        ("attempt", "GET"),
        ("attempt", "POST"),
    ]


async def test_a_large_file_is_not_read_while_another_try_sends_it() -> None:
    """The first upload is ended before the next begins."""

    async def early(request: web.Request) -> web.StreamResponse:
        if len(stage.provider.seen) > 1:
            return web.json_response(len(await request.read()))
        return web.Response(status=503)

    async with Stage(early, retry=QUICK) as stage, aiohttp.ClientSession():
        acme = stage.client.direct("user-42", "acme", retries=1)
        async with acme.put("/stream", data=io.BytesIO(b"x" * 900_000)) as response:
            assert await response.json() == 900_000
