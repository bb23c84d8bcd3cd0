"""Calls that go straight to the provider, and that fail, take too long or are ended."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from stage import (
    API_KEY,
    Server,
    Stage,
    body_of,
    hang_up,
    never,
    until,
)

from nango_client import (
    ClientClosedError,
    ConnectionFailedError,
    NangoClient,
    NangoError,
    RequestTimeoutError,
    RetryPolicy,
    TimeoutPolicy,
)

pytestmark = pytest.mark.asyncio


async def test_whoever_does_not_answer_is_named() -> None:
    """The provider, or Nango."""
    async with Server() as gone:
        url = gone.url
    async with Stage() as stage:
        acme = stage.client.direct("user-42", "acme", base_url=url)
        with pytest.raises(ConnectionFailedError) as provider:
            await acme.post("/", json={})
        unknown = stage.client.direct("user-42", "acme", base_url="http://nowhere.invalid")
        with pytest.raises(ConnectionFailedError) as dns:
            await unknown.get("/")
    async with NangoClient(API_KEY, base_url=url, retry=RetryPolicy(max_attempts=1)) as client:
        with pytest.raises(ConnectionFailedError) as nango:
            await client.direct("user-42", "acme").get("/")

    assert (provider.value.host, provider.value.may_have_run) == ("127.0.0.1", False)
    assert provider.value.retryable
    assert dns.value.host == "nowhere.invalid"
    assert nango.value.host == "127.0.0.1"
    assert (provider.value.__cause__, provider.value.__context__) == (None, None)


@pytest.mark.parametrize(
    ("method", "requests", "retryable"),
    [
        ("GET", 2, True),
        ("HEAD", 2, True),
        ("PUT", 1, True),
        ("DELETE", 1, True),
        ("POST", 1, False),
        ("PATCH", 1, False),
    ],
)
async def test_only_get_and_head_are_sent_twice_by_aiohttp(
    method: str, requests: int, retryable: bool
) -> None:
    """A connection that breaks ends all others at once; what may have run is not to be repeated."""
    async with Stage(hang_up) as stage:
        acme = stage.client.direct("user-42", "acme")
        with pytest.raises(ConnectionFailedError) as caught:
            await acme.request(method, "/")

    assert len(stage.provider.seen) == requests
    assert (caught.value.may_have_run, caught.value.retryable) == (True, retryable)


async def test_the_limit_between_two_reads_is_that_of_an_attempt() -> None:
    """There is no total by default: an answer may take as long as it goes on."""

    async def slow(request: web.Request) -> web.StreamResponse:
        if request.path == "/never":
            return await never(request)
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(6):
            await response.write(b"x")
            await asyncio.sleep(0.1)
        return response

    async def call(session: aiohttp.ClientSession | None) -> str | None:
        acme = stage.client.direct("user-42", "acme", session=session)
        async with acme.get("/slow") as response:
            assert await response.read() == b"xxxxxx"
        with pytest.raises(RequestTimeoutError) as caught:
            await acme.get("/never")
        return caught.value.host

    policy = TimeoutPolicy(attempt=0.3, total=0.4)
    async with Stage(slow, timeout=policy) as stage, aiohttp.ClientSession() as session:
        hosts = await asyncio.gather(call(None), call(session))

    assert hosts == ["127.0.0.1", "127.0.0.1"]


async def test_a_number_is_the_limit_for_all_together() -> None:
    """For credentials, the answer, and its body, whose errors are aiohttp's."""

    async def slow_body(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        return await never(request)

    async with Stage(slow_body) as stage:
        acme = stage.client.direct("user-42", "acme")
        async with acme.get("/", timeout=0.2) as response:
            with pytest.raises(TimeoutError) as body:
                await response.read()
        stage.provider.answer = never
        with pytest.raises(RequestTimeoutError) as answer:
            await acme.get("/", timeout=0.1)
        stage.client.invalidate()
        play, stage.nango.answer = stage.nango.answer, never
        with pytest.raises(RequestTimeoutError) as credentials:
            await acme.get("/", timeout=0.1)
        stage.nango.answer = play
        stage.provider.answer = lambda _: asyncio.sleep(0.1, web.Response())
        async with acme.get("/", timeout=None), acme.get("/", timeout=aiohttp.ClientTimeout(9)):
            pass

    assert not isinstance(body.value, NangoError)
    assert answer.value.may_have_run
    assert not credentials.value.may_have_run


async def test_the_limit_of_nango_is_not_taken_for_the_callers() -> None:
    """What runs out first is told."""
    async with Stage(timeout=TimeoutPolicy(attempt=0.1)) as stage:
        stage.nango.answer = never
        with pytest.raises(RequestTimeoutError, match="no whole answer"):
            await stage.client.direct("user-42", "acme").get("/", timeout=5)


async def test_the_wait_for_a_free_connection_has_a_limit_of_its_own() -> None:
    """The pool has 100 places; a call's own limits have no such one, unless it says so."""
    release = asyncio.Event()

    async def hold(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.json_response({})

    async with Stage(hold, timeout=TimeoutPolicy(connect=0.2)) as stage:
        acme = stage.client.direct("user-42", "acme")
        first = [asyncio.ensure_future(body_of(acme.get("/", timeout=None))) for _ in range(100)]
        await until(lambda: len(stage.provider.seen) >= 100)
        with pytest.raises(RequestTimeoutError) as caught:
            await acme.get("/")
        with pytest.raises(RequestTimeoutError):
            await acme.get("/", timeout=aiohttp.ClientTimeout(connect=0.05))
        patient = asyncio.ensure_future(body_of(acme.get("/", timeout=None)))
        # Requests to Nango do not stand in this queue.
        await stage.client.get_token("user-42", "acme", force_refresh=True)
        await asyncio.sleep(0.3)
        release.set()
        await asyncio.gather(*first, patient)

    assert not caught.value.may_have_run


async def test_the_client_ends_its_calls_when_it_is_closed() -> None:
    """Also those that wait for the next try; then no new one begins."""

    async def busy(request: web.Request) -> web.StreamResponse:
        if request.path == "/never":
            return await never(request)
        return web.Response(status=503, headers={"Retry-After": "20"})

    async with Stage(busy) as stage:
        acme = stage.client.direct("user-42", "acme", retries=1)
        calls = [asyncio.ensure_future(body_of(acme.get(path))) for path in ("/never", "/busy")]
        await until(lambda: len(stage.provider.seen) >= 2)
        await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            await stage.client.close()
            results = await asyncio.gather(*calls, return_exceptions=True)
        with pytest.raises(ClientClosedError):
            await acme.get("/")

    assert [type(result) for result in results] == [ClientClosedError, ClientClosedError]


async def test_a_client_serves_one_event_loop_after_another() -> None:
    """Its connections are those of the running loop."""
    async with Stage() as stage:
        port = stage.provider.port
        await body_of(stage.client.direct("user-42", "acme").get("/"))

    assert port
