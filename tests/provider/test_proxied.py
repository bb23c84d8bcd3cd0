"""Calls through Nango's proxy: what it is sent, and which answers are its own."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from stage import (
    API_KEY,
    Stage,
    answers,
    body_of,
    done,
    hang_up,
    never,
    until,
)
from yarl import URL

from nango_client import (
    ClientClosedError,
    ConnectionFailedError,
    Event,
    InvalidArgumentError,
    NangoClient,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    TimeoutPolicy,
)

pytestmark = pytest.mark.asyncio


async def test_a_call_goes_to_nangos_proxy_with_ids_and_key() -> None:
    """The caller's headers travel under another name; nothing else is asked of Nango."""
    async with Stage() as stage:
        acme = stage.client.proxy("user 42", "acme", headers={"X-A": "1"})
        body = await body_of(acme.get("/users/1", params={"a": "x y"}, headers={"Accept": "b/c"}))

    (seen,) = stage.nango.seen
    assert body == {"path": "/proxy/users/1?a=x%20y"}
    assert (seen.method, seen.path) == ("GET", "/proxy/users/1?a=x%20y")
    headers = dict(seen.headers)
    for name in ("Host", "Accept-Encoding"):
        headers.pop(name)
    assert headers.pop("User-Agent").startswith("nango-client/")
    assert headers == {
        "Authorization": f"Bearer {API_KEY}",
        "Connection-Id": "user 42",
        "Provider-Config-Key": "acme",
        "Nango-Proxy-X-A": "1",
        "Nango-Proxy-Accept": "b/c",
        "Accept": "*/*",
    }


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a", "/proxy/a"),
        ("a", "/proxy/a"),
        ("", "/proxy/"),
        ("//a//b", "/proxy/a//b"),
        ("/${apiKey}/{x}", "/proxy/%24%7BapiKey%7D/%7Bx%7D"),
        ("/a?q=${credentials.x}", "/proxy/a?q=%24%7Bcredentials.x%7D"),
        (URL("/a?q=${x}"), "/proxy/a?q=%24%7Bx%7D"),
        (URL("/%7Bx%7D%2F", encoded=True), "/proxy/%7Bx%7D%2F"),
        (URL("/${x}", encoded=True), "/proxy/%24%7Bx%7D"),
        ("/../connections", "/proxy/connections"),
        ("/a/%2e%2e/%2E%2e/connections", "/proxy/connections"),
        (URL("/../connections", encoded=True), "/proxy/connections"),
        ("/a b/é", "/proxy/a%20b/%C3%A9"),
        ("/a#b", "/proxy/a"),
    ],
)
async def test_a_path_stays_below_the_proxy_and_is_no_template(path: str | URL, sent: str) -> None:
    """Whatever a user has put into it."""
    async with Stage() as stage:
        await done(stage.client.proxy("user-42", "acme").get(path))

    assert stage.nango.seen[0].path == sent


@pytest.mark.parametrize(
    ("path", "params", "query"),
    [
        ("/a", "b=${c}", "b=%24%7Bc%7D"),
        ("/a", "?b=c", "b=c"),
        ("/a?x=1", {}, "x=1"),
        ("/a?x=1", {"x": ["2", "3"], "y": 4}, "x=2&x=3&y=4"),
        ("/a?x=1", "", "x=1"),
    ],
)
async def test_params_go_into_the_query(path: str, params: Any, query: str) -> None:
    """As those of direct calls do."""
    async with Stage() as stage:
        await done(stage.client.proxy("user-42", "acme").get(path, params=params))

    assert stage.nango.seen[0].path == f"/proxy/a?{query}"


async def chunks() -> AsyncIterator[bytes]:
    yield b"one"


def form() -> aiohttp.FormData:
    made = aiohttp.FormData()
    made.add_field("file", b"data", filename="a.txt")
    return made


@pytest.mark.parametrize(
    ("options", "content_type", "forwarded", "body"),
    [
        ({"json": {"a": 1}}, "application/json", None, b'{"a":1}'),
        (
            {"json": {"a": 1}, "headers": {"content-type": "application/vnd.acme+json"}},
            "application/vnd.acme+json",
            "application/vnd.acme+json",
            b'{"a":1}',
        ),
        (
            {"json": 1, "headers": {"Content-Type": "application/json"}},
            "application/json",
            "application/json",
            b"1",
        ),
        ({"data": b"x"}, "application/octet-stream", "application/octet-stream", b"x"),
        ({"data": "<a>", "headers": {"Content-Type": "text/xml"}}, "text/xml", "text/xml", b"<a>"),
        ({"data": "x"}, "text/plain; charset=utf-8", "text/plain; charset=utf-8", b"x"),
        (
            {"data": {"a": "b c"}},
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded",
            b"a=b+c",
        ),
        ({"data": io.BytesIO(b"x")}, "application/octet-stream", "application/octet-stream", b"x"),
        (
            {"data": io.BytesIO(b"x"), "headers": {"Content-Type": "text/csv"}},
            "text/csv",
            "text/csv",
            b"x",
        ),
        ({"data": chunks()}, "application/octet-stream", "application/octet-stream", b"one"),
        ({"data": {"f": io.BytesIO(b"data")}}, "multipart/form-data", "multipart/form-data", None),
        ({"data": form()}, "multipart/form-data", "multipart/form-data", None),
        (
            {"data": form(), "headers": {"Content-Type": "multipart/form-data"}},
            "multipart/form-data",
            "multipart/form-data",
            None,
        ),
        ({}, None, None, b""),
        ({"headers": {"Content-Type": "text/csv"}}, None, "text/csv", b""),
    ],
)
async def test_a_body_says_what_it_is_to_nango_and_to_the_provider(
    options: dict[str, Any], content_type: str | None, forwarded: str | None, body: bytes | None
) -> None:
    """Nango reads it by the one name, and passes the other on."""
    async with Stage() as stage:
        await done(stage.client.proxy("user-42", "acme").post("/a", **options))

    (seen,) = stage.nango.seen
    own = seen.headers.get("Content-Type")
    assert seen.headers.get("Nango-Proxy-Content-Type") == forwarded
    if body is None:
        assert own is not None
        assert own.startswith("multipart/form-data; boundary=")
        assert b"data" in seen.body
    else:
        assert (own, seen.body) == (content_type, body)


async def test_retries_go_with_what_may_run_twice() -> None:
    """Nango would repeat a POST or PATCH, too."""
    async with Stage() as stage:
        acme = stage.client.proxy(
            "user-42", "acme", retries=2, retry_on=[418, 500], base_url="https://acme.example/v1/"
        )
        for method in ("get", "put", "delete", "post", "patch"):
            await done(acme.request(method, "/"))
        await done(stage.client.proxy("user-42", "acme", retry_on=[418]).get("/"))

    found = [(s.headers.get("Retries"), s.headers.get("Retry-On")) for s in stage.nango.seen]
    assert found == [("2", "418,500")] * 3 + [(None, None)] * 3
    overrides = [seen.headers.get("Base-Url-Override") for seen in stage.nango.seen]
    assert overrides == ["https://acme.example/v1"] * 5 + [None]


@pytest.mark.parametrize(
    "options",
    [
        {"retries": -1},
        {"retry_on": ["429"]},
        {"retry_on": [99]},
        {"retry_on": 429},
        {"base_url": "acme.example"},
        {"headers": {"a": None}},
    ],
)
async def test_bad_arguments_are_refused_when_the_session_is_made(options: dict[str, Any]) -> None:
    """Nothing needs to be awaited for that."""
    async with Stage() as stage:
        with pytest.raises(InvalidArgumentError):
            stage.client.proxy("user-42", "acme", **options)
        with pytest.raises(InvalidArgumentError, match="space"):
            stage.client.proxy(" user-42", "acme")


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "https://acme.example/x", {}),
        ("GET", URL("https://acme.example/x"), {}),
        ("GET", URL("//acme.example/x"), {}),
        ("GET", 42, {}),
        ("HEAD", "/", {}),
        ("OPTIONS", "/", {}),
        ("GET", "/", {"headers": {"a": "b\r\nc: d"}}),
        ("GET", "/", {"headers": {"a b": "c"}}),
        ("GET", "/?a=b", {"params": "c=d"}),
        ("GET", "/", {"timeout": "x"}),
        ("POST", "/", {"json": object()}),
    ],
)
async def test_what_the_proxy_cannot_do_is_refused(
    method: str, path: Any, options: dict[str, Any]
) -> None:
    """Nothing is sent."""
    async with Stage() as stage:
        with pytest.raises(InvalidArgumentError):
            await stage.client.proxy("user-42", "acme").request(method, path, **options)
        with pytest.raises(InvalidArgumentError, match=r"client\.direct"):
            await stage.client.proxy("user-42", "acme").head("/")

    assert not stage.nango.seen


async def test_nangos_own_429_is_waited_for() -> None:
    """Also with a POST, which has not run; the provider's is not."""
    limit = {"error": {"code": "too_many_request", "method": "POST", "path": "/proxy/"}}
    events: list[Event] = []

    async def once(request: web.Request) -> web.StreamResponse:
        stage.proxy = answers(200, {})
        return await answers(429, limit, Retry_After="0")(request)

    def note(event: Event) -> None:
        events.append(event)
        if event.kind == "retry":
            stage.clock.advance(2)  # Nango cuts the seconds off.

    policy = RetryPolicy(initial_delay=0.0, max_delay=0.0)
    async with Stage(retry=policy, on_event=note) as stage:
        stage.proxy = once
        acme = stage.client.proxy("user-42", "acme")
        await done(acme.post("/", data=io.BytesIO(b"one")))
        stage.proxy = once
        with pytest.raises(RateLimitError):
            await acme.post("/", data=chunks())
        stage.clock.advance(2)
        stage.proxy = answers(429, {"error": "theirs"})
        await done(acme.get("/"))

    assert [seen.body for seen in stage.nango.seen] == [b"one", b"one", b"one", b""]
    kinds = [(event.kind, event.status) for event in events if event.route == "proxy"]
    assert [kind for kind, _ in kinds] == ["attempt", "retry", "attempt", "attempt", "attempt"]


async def test_a_call_is_held_back_while_nangos_limit_is_used_up() -> None:
    """One that may not wait so long fails at once, unsent."""
    limit = {"error": {"code": "too_many_request", "method": "GET", "path": "/proxy/"}}
    async with Stage(retry=RetryPolicy()) as stage:
        reset = str(int(stage.clock.time()) + 40)
        stage.proxy = answers(429, limit, Retry_After="40", X_RateLimit_Reset=reset)
        acme = stage.client.proxy("user-42", "acme")
        for _ in range(3):
            with pytest.raises(RateLimitError):
                await acme.get("/")
        assert len(stage.nango.seen) == 1
    async with Stage(retry=RetryPolicy()) as hasty:
        reset = str(int(hasty.clock.time()) + 20)
        hasty.proxy = answers(429, limit, Retry_After="20", X_RateLimit_Reset=reset)
        with pytest.raises(RateLimitError):
            await hasty.client.proxy("user-42", "acme").get("/", timeout=5)
        assert len(hasty.nango.seen) == 1


@pytest.mark.parametrize(("method", "retryable"), [("GET", True), ("POST", False)])
async def test_nothing_is_sent_again_that_may_have_run(method: str, retryable: bool) -> None:
    """Neither by us nor by aiohttp, whatever the method."""
    async with Stage(retry=RetryPolicy(initial_delay=0)) as stage:
        stage.proxy = hang_up
        with pytest.raises(ConnectionFailedError) as caught:
            await stage.client.proxy("user-42", "acme").request(method, "/")

    assert len(stage.nango.seen) == 1
    assert (caught.value.host, caught.value.retryable) == ("127.0.0.1", retryable)


async def test_failures_to_connect_are_tried_again() -> None:
    """As those of all calls of Nango."""
    async with Stage() as stage:
        url = stage.nango.url
    events: list[Event] = []
    policy = RetryPolicy(initial_delay=0)
    async with NangoClient(API_KEY, base_url=url, retry=policy, on_event=events.append) as client:
        with pytest.raises(ConnectionFailedError):
            await client.proxy("user-42", "acme").post("/", data=chunks())

    assert [event.kind for event in events] == ["attempt", "retry", "attempt", "retry", "attempt"]


async def test_the_first_byte_may_take_as_long_as_nangos_tries() -> None:
    """Then the limit between two reads is that of an attempt again."""

    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.15)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        return await never(request)

    limits = TimeoutPolicy(attempt=0.1)
    policy = RetryPolicy(max_attempts=1, max_retry_after=20)
    async with Stage(timeout=limits, retry=policy) as stage, asyncio.timeout(10):
        stage.proxy = slow
        with pytest.raises(RequestTimeoutError):
            await stage.client.proxy("user-42", "acme").get("/")
        patient = stage.client.proxy("user-42", "acme", retries=1)
        async with patient.get("/") as response:
            with pytest.raises(TimeoutError):
                await response.read()
        with pytest.raises(RequestTimeoutError):
            await patient.post("/")
        with pytest.raises(RequestTimeoutError):
            await patient.get("/", timeout=0.1)
        stage.proxy = answers(200, {})
        await done(patient.get("/"))
        await done(patient.get("/", timeout=None))


async def test_a_wait_ends_with_the_client() -> None:
    """Whoever waits for Nango's limit to end is told."""
    limit = {"error": {"code": "too_many_request", "method": "GET", "path": "/proxy/"}}
    async with Stage(retry=RetryPolicy()) as stage:
        stage.proxy = answers(429, limit, Retry_After="20")
        call = asyncio.ensure_future(done(stage.client.proxy("user-42", "acme").get("/")))
        await until(lambda: stage.nango.seen)
        await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            await stage.client.close()
            with pytest.raises(ClientClosedError):
                await call


async def test_a_call_under_way_ends_with_the_client() -> None:
    """As those of direct do."""
    async with Stage() as stage:
        stage.proxy = never
        call = asyncio.ensure_future(done(stage.client.proxy("user-42", "acme").get("/")))
        await until(lambda: stage.nango.seen)
        await stage.client.close()
        with pytest.raises(ClientClosedError):
            await call


async def test_a_middleware_of_the_callers_runs() -> None:
    """It sees no key: that is put in last."""
    seen: list[dict[str, str]] = []

    async def note(request: Any, handler: Any) -> Any:
        seen.append(dict(request.headers))
        return await handler(request)

    async with Stage() as stage:
        acme = stage.client.proxy("user-42", "acme")
        await done(acme.get("/", middlewares=[note], skip_auto_headers=["User-Agent"]))

    assert "Authorization" not in seen[0]
