"""Calls that go straight to the provider: what leaves, what comes back, what is asked of Nango."""

import asyncio
import base64
import gc
import io
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from stage import (
    Server,
    Stage,
    body_of,
    entry,
    hang_up,
)

from nango_client import (
    CachePolicy,
    ClientClosedError,
    Event,
    TransportError,
)

if TYPE_CHECKING:
    from yarl import URL

pytestmark = pytest.mark.asyncio


async def test_a_call_reaches_the_provider_with_the_connections_token() -> None:
    """The path is joined to the base URL of the provider's entry, and the answer is aiohttp's."""
    async with Stage() as stage:
        stage.entry = entry(f"{stage.provider.url}/api/v3")
        acme = stage.client.direct("user-42", "acme")

        async with acme.get("/user/repos", params={"per_page": 100}) as response:
            body = await response.json()

    (seen,) = stage.provider.seen
    assert isinstance(response, aiohttp.ClientResponse)
    assert body == {"path": "/api/v3/user/repos?per_page=100"}
    assert (seen.method, seen.headers["Authorization"]) == ("GET", "Bearer token-1")
    assert stage.asked("/connection/") == stage.asked("/providers/acme") == 1


async def test_an_awaited_call_gives_an_answer_that_is_unread() -> None:
    """It can be read, or released, later."""
    async with Stage() as stage:
        response = await stage.client.direct("user-42", "acme").get("/a")

        assert response.content.total_bytes >= 0
        assert await response.json() == {"path": "/a"}


async def test_a_call_can_be_a_task() -> None:
    """A task group takes it as the coroutine that it is."""
    async with Stage() as stage:
        acme = stage.client.direct("user-42", "acme")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(acme.get(f"/{number}")) for number in range(3)]
        answers = [await task.result().json() for task in tasks]

    assert [answer["path"] for answer in answers] == ["/0", "/1", "/2"]


async def test_a_call_that_is_not_made_can_be_closed() -> None:
    """As any coroutine: nothing leaves, and nothing warns; what is thrown into it comes out."""
    async with Stage() as stage:
        stage.client.direct("user-42", "acme").get("/a").close()
        thrown = stage.client.direct("user-42", "acme").get("/a")
        with pytest.raises(KeyError):
            thrown.throw(KeyError())

    assert not stage.provider.seen


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head"])
async def test_each_method_has_a_name(method: str) -> None:
    """And `request` takes any."""
    async with Stage() as stage:
        acme = stage.client.direct("user-42", "acme")
        async with getattr(acme, method)("/a"), acme.request(method, "/b"):
            pass
        async with acme.request("options", "/c"):
            pass

    assert [seen.method for seen in stage.provider.seen] == [method.upper()] * 2 + ["OPTIONS"]


async def test_bodies_are_those_of_aiohttp() -> None:
    """JSON, bytes, a form, parts, a file and an iterator."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    form = aiohttp.FormData()
    form.add_field("file", b"data", filename="a.txt")
    async with Stage() as stage:
        acme = stage.client.direct("user-42", "acme")
        for options in (
            {"json": {"a": 1}},
            {"data": b"raw"},
            {"data": {"a": "1"}},
            {"data": form},
            {"data": io.BytesIO(b"file")},
            {"data": chunks()},
        ):
            await body_of(acme.post("/a", **options))  # type: ignore[arg-type]

    bodies = [seen.body for seen in stage.provider.seen]
    types = [seen.headers["Content-Type"].partition(";")[0] for seen in stage.provider.seen]
    assert bodies[:3] == [b'{"a":1}', b"raw", b"a=1"]
    assert b'filename="a.txt"' in bodies[3]
    assert bodies[4:] == [b"file", b"one two"]
    assert types[:4] == [
        "application/json",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ]


async def test_headers_of_the_call_win_over_those_of_the_session_and_over_ours() -> None:
    """Names count in any case; cookies and a user's name are headers, too."""
    async with Stage() as stage:
        acme = stage.client.direct("user-42", "acme", headers={"X-A": "1", "X-B": "1"})
        await body_of(acme.get("/1", headers={"x-b": "2"}))
        await body_of(acme.get("/2", headers=[("Authorization", "Bearer mine")]))
        with pytest.warns(DeprecationWarning, match="BasicAuth"):
            auth = aiohttp.BasicAuth("user", "password")
        await body_of(acme.get("/3", cookies={"a": "b"}, auth=auth))

    one, two, three = (seen.headers for seen in stage.provider.seen)
    assert (one["X-A"], one.getall("X-B")) == ("1", ["2"])
    assert two.getall("Authorization") == ["Bearer mine"]
    assert three["Cookie"] == "a=b"
    assert three["Authorization"] == "Basic " + base64.b64encode(b"user:password").decode()


async def test_no_cookie_is_kept_and_no_default_header_is_added() -> None:
    """What the provider sets does not come back; all else is aiohttp's own."""

    async def set_cookie(request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"Set-Cookie": "a=b"})

    async with Stage(set_cookie) as stage:
        url = f"http://localhost:{stage.provider.port}"
        acme = stage.client.direct("user-42", "acme", base_url=url)
        for _ in range(2):
            async with acme.get("/"):
                pass

    for seen in stage.provider.seen:
        names = {name.title() for name in seen.headers}
        assert names == {"Host", "Authorization", "Accept", "Accept-Encoding", "User-Agent"}
        assert seen.headers["User-Agent"].startswith("Python/")


async def test_what_we_put_in_shows_in_no_repr() -> None:
    """Neither of the answer nor of the error that it is turned into."""

    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=400)

    async with Stage(refuse) as stage:
        acme = stage.client.direct("user-42", "acme")
        response = await acme.get("/a")
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await acme.get("/a", raise_for_status=True)
        response.release()

    shown = f"{response!r} {response.request_info!r} {caught.value!r} {caught.value.request_info!r}"
    assert "token-1" not in shown
    assert "***" in shown
    assert caught.value.status == 400


async def test_the_status_raises_only_where_it_is_asked_to() -> None:
    """True, or a function of the caller's; a session of theirs that raises is told not to."""

    class TeapotError(Exception):
        pass

    async def teapot(request: web.Request) -> web.StreamResponse:
        return web.Response(status=418)

    async def check(response: aiohttp.ClientResponse) -> None:
        raise TeapotError(response.status)

    async with Stage(teapot) as stage, aiohttp.ClientSession(raise_for_status=True) as session:
        acme = stage.client.direct("user-42", "acme", session=session)
        async with acme.get("/a") as response:
            assert response.status == 418
        with pytest.raises(TeapotError):
            await acme.get("/a", raise_for_status=check)


async def test_links_of_an_answer_can_be_followed() -> None:
    """An absolute URL on the origin of the base URL is sent as it stands."""

    async def page(request: web.Request) -> web.StreamResponse:
        number = int(request.query.get("page", "1"))
        url = f"{stage.provider.url}/api/items?page={number + 1}&q=a%26b"
        link = {"Link": f'<{url}>; rel="next"'} if number < 3 else {}
        return web.json_response([number], headers=link)

    async with Stage(page) as stage:
        stage.entry = entry(f"{stage.provider.url}/api")
        acme = stage.client.direct("user-42", "acme")
        url: str | URL | None = "/items"
        items: list[int] = []
        while url is not None:
            async with acme.get(url) as response:
                items += await response.json()
                following = response.links.get("next")
                url = None if following is None else following["url"]  # type: ignore[assignment]

    assert items == [1, 2, 3]
    assert stage.provider.seen[-1].path == "/api/items?page=3&q=a%26b"


async def test_base_url_replaces_the_providers() -> None:
    """It may be http, because code says so."""
    async with Stage() as stage, Server() as other:
        acme = stage.client.direct("user-42", "acme", base_url=f"{other.url}/v2")
        await body_of(acme.get("/x"))

    assert [seen.path for seen in other.seen] == ["/v2/x"]
    assert not stage.provider.seen


async def test_signed_requests_are_made_one_by_one() -> None:
    """No two of them have the same signature, also those of one connection without a body."""
    async with Stage() as stage:
        stage.entry = entry(None, auth_mode="AWS_SIGV4")
        stage.kind = {
            "type": "AWS_SIGV4",
            "access_key_id": "id",
            "secret_access_key": "canary",
            "session_token": "token-1",
            "region": "eu-west-1",
            "service": "s3",
            "expires_at": "2099-01-01T00:00:00Z",
            "raw": {},
        }
        aws = stage.client.direct("user-42", "acme", base_url=stage.provider.url)
        await body_of(aws.get("/a"))
        await body_of(aws.get("/b"))

    first, second = (seen.headers["Authorization"] for seen in stage.provider.seen)
    assert first.startswith("AWS4-HMAC-SHA256")
    assert first != second


async def test_credentials_are_not_kept_longer_than_the_connection() -> None:
    """What is made of them for the next requests goes with it."""
    async with Stage() as stage:
        await body_of(stage.client.direct("user-42", "acme").get("/a"))
        made = stage.client._doors._tools.sources._plain._made
        assert len(made) == 1
        stage.client.invalidate()
        gc.collect()
        assert not made


# ---- what is remembered ---------------------------------------------------------------------


# ---- limits and failures ---------------------------------------------------------------------


async def test_a_session_of_the_callers_is_used_and_never_closed() -> None:
    """Its middlewares run; with the client's own session nothing is sent to a provider."""
    paths: list[str] = []

    async def note(request: Any, handler: Any) -> Any:
        paths.append(request.url.path)
        return await handler(request)

    async with Stage() as stage, aiohttp.ClientSession(middlewares=(note,)) as session:
        acme = stage.client.direct("user-42", "acme", session=session)
        await body_of(acme.get("/mine"))
        await body_of(stage.client.direct("user-42", "acme").get("/not-mine"))
        await body_of(stage.client.direct("user-42", "acme").get("/once", middlewares=[note]))
        await stage.client.close()
        assert not session.closed
    with pytest.raises(ClientClosedError):
        async with Stage() as stage:
            await stage.client.direct("user-42", "acme", session=session).get("/")

    assert paths == ["/mine", "/once"]


async def test_hook_and_log_are_told_of_attempts() -> None:
    """With the route, and without path or ids."""
    events: list[Event] = []
    async with Stage(on_event=events.append) as stage:
        await body_of(stage.client.direct("user-42", "acme").get("/secret"))
        stage.provider.answer = hang_up
        with pytest.raises(TransportError):
            await stage.client.direct("user-42", "acme").post("/secret")

    ours = [event for event in events if event.route == "direct"]
    assert [(e.kind, e.method, e.status, e.error) for e in ours] == [
        ("attempt", "GET", 200, None),
        ("attempt", "POST", None, "ConnectionFailedError"),
    ]


async def test_the_repr_names_the_way_alone() -> None:
    """No id and no header."""
    async with Stage() as stage:
        acme = stage.client.direct("user-42", "acme", headers={"X-Key": "canary"})
        assert repr(acme) == "<ProviderSession direct>"
        assert repr(stage.client.proxy("user-42", "acme")) == "<ProviderSession proxy>"
        assert repr(stage.client.auth("user-42", "acme")) == "<ProviderAuth>"


async def test_a_cache_policy_of_no_age_still_calls() -> None:
    """Nothing has to be cached for a call."""
    async with Stage(cache=CachePolicy(max_age=0)) as stage:
        await body_of(stage.client.direct("user-42", "acme").get("/"))
