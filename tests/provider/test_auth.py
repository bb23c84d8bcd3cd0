"""The connection's credentials in requests that others send: aiohttp sessions, and httpx."""

import builtins
import importlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import ClientSession, web
from stage import Server, Stage, entry

from nango_client import (
    ConfigurationError,
    ConnectionFailedError,
    InvalidArgumentError,
    TransportError,
)
from nango_client.ext.httpx import NangoAuth

pytestmark = pytest.mark.asyncio


async def chunks() -> AsyncIterator[bytes]:
    yield b"one"


def knows(stage: Stage) -> Any:
    async def answer(request: web.Request) -> web.StreamResponse:
        known = request.headers.get("Authorization") == f"Bearer token-{stage.token}"
        return web.json_response({}, status=200 if known else 401)

    return answer


async def test_a_session_of_the_callers_gets_the_credentials() -> None:
    """At the origin of the base URL, and nowhere else; nothing of them shows."""
    async with Stage() as stage, Server() as other:
        auth = stage.client.auth("user-42", "acme")
        async with ClientSession(middlewares=(auth,)) as session:
            async with session.get(f"{stage.provider.url}/a?b=c") as response:
                assert "token-1" not in repr(response.request_info)
            async with session.get(f"{other.url}/a"):
                pass
            async with session.post(f"{stage.provider.url}/a", json={"a": 1}):
                pass

    first, second = stage.provider.seen
    assert (first.path, first.headers["Authorization"]) == ("/a?b=c", "Bearer token-1")
    assert (second.body, second.headers["Content-Type"]) == (b'{"a": 1}', "application/json")
    assert "Authorization" not in other.seen[0].headers


async def test_headers_that_are_there_win_but_for_those_of_aiohttp() -> None:
    """Whatever the provider's entry says."""
    headers = {"Accept": "application/vnd.acme", "User-Agent": "acme-agent", "X-Version": "7"}
    async with Stage() as stage:
        stage.entry = entry(stage.provider.url, headers=headers)
        auth = stage.client.auth("user-42", "acme")
        async with ClientSession(middlewares=(auth,)) as session:
            async with session.get(f"{stage.provider.url}/"):
                pass
            mine = {"Accept": "text/csv", "X-Version": "8", "Authorization": "Bearer mine"}
            async with session.get(f"{stage.provider.url}/", headers=mine):
                pass

    first, second = (seen.headers for seen in stage.provider.seen)
    assert {name: first[name] for name in headers} == headers
    assert {name: second[name] for name in mine} == mine
    assert second.getall("Accept") == ["text/csv"]


async def test_a_401_renews_as_for_direct() -> None:
    """Once, and the answer is that of the second request."""
    async with Stage() as stage:
        stage.provider.answer = knows(stage)
        await stage.client.get_token("user-42", "acme")
        stage.token += 1
        auth = stage.client.auth("user-42", "acme")
        async with ClientSession(middlewares=(auth,)) as session:
            async with session.get(f"{stage.provider.url}/") as response:
                assert response.status == 200

    assert stage.asked("force_refresh") == 1


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"json": {"a": 1}}, b'{"a":1,"key":"token-1"}'),
        ({"data": {"a": "1"}}, b"a=1&key=token-1"),
        ({"data": b"raw"}, b"raw"),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, b"{"),
    ],
)
async def test_bodies_in_memory_are_filled_in(options: dict[str, Any], body: bytes) -> None:
    """As they were written: JSON, a form, or neither."""
    async with Stage() as stage:
        stage.entry = entry(stage.provider.url, body={"key": "${accessToken}"})
        auth = stage.client.auth("user-42", "acme")
        async with ClientSession(middlewares=(auth,)) as session:
            async with session.post(f"{stage.provider.url}/", **options):
                pass
            with pytest.raises(InvalidArgumentError, match="in memory"):
                await session.post(f"{stage.provider.url}/", data=chunks())

    assert [seen.body for seen in stage.provider.seen] == [body]


async def test_a_base_url_of_the_callers_decides_where_the_credentials_go() -> None:
    """Then the provider's own address is one among others."""
    async with Stage() as stage, Server() as other:
        auth = stage.client.auth("user-42", "acme", base_url=other.url)
        async with ClientSession(middlewares=(auth,)) as session:
            async with session.get(f"{other.url}/"), session.get(f"{stage.provider.url}/"):
                pass

    assert "Authorization" in other.seen[0].headers
    assert "Authorization" not in stage.provider.seen[0].headers


async def test_failures_are_those_of_the_session() -> None:
    """It is the caller's, and so are its errors."""
    async with Server() as gone:
        url = gone.url
    async with Stage() as stage:
        auth = stage.client.auth("user-42", "acme", base_url=url)
        async with ClientSession(middlewares=(auth,)) as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"{url}/")


# ---- httpx -------------------------------------------------------------------------------


async def test_httpx_gets_the_credentials() -> None:
    """At the origin of the base URL, and nowhere else; a query key too."""
    async with Stage() as stage, Server() as other:
        stage.entry = entry(
            stage.provider.url,
            query={"key": "${accessToken}"},
            headers={"Accept": "application/vnd.acme", "User-Agent": "acme-agent"},
        )
        auth = NangoAuth(stage.client, "user-42", "acme")
        async with httpx.AsyncClient(auth=auth) as client:
            assert (await client.get(f"{stage.provider.url}/a?b=c")).status_code == 200
            await client.get(f"{other.url}/a")

    (seen,) = stage.provider.seen
    assert seen.path == "/a?b=c&key=token-1"
    assert seen.headers["Authorization"] == "Bearer token-1"
    assert (seen.headers["Accept"], seen.headers["User-Agent"]) == (
        "application/vnd.acme",
        "acme-agent",
    )
    assert "Authorization" not in other.seen[0].headers
    assert other.seen[0].path == "/a"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, 200),
        ({"json": {"a": 1}}, 200),
        ({"files": {"file": ("a.txt", b"data")}}, 200),
        ({"content": chunks()}, 401),
    ],
)
async def test_httpx_renews_once_on_a_401(options: dict[str, Any], status: int) -> None:
    """And sends again what is no iterator that has begun."""
    async with Stage() as stage:
        stage.provider.answer = knows(stage)
        await stage.client.get_token("user-42", "acme")
        stage.token += 1
        auth = NangoAuth(stage.client, "user-42", "acme")
        async with httpx.AsyncClient(auth=auth) as client:
            assert (await client.post(f"{stage.provider.url}/", **options)).status_code == status

    assert stage.asked("force_refresh") == 1


async def test_httpx_is_given_the_401_where_nothing_else_can_be_had() -> None:
    """The renewal gave the same, or the request cannot be made anew."""

    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=401)

    async with Stage(refuse) as stage:
        stage.renews = False
        auth = NangoAuth(stage.client, "user-42", "acme")
        async with httpx.AsyncClient(auth=auth) as client:
            assert (await client.get(f"{stage.provider.url}/")).status_code == 401

    assert len(stage.provider.seen) == 1


async def test_httpx_bodies_are_filled_in() -> None:
    """Where they are in memory; and what is left is what the provider gets."""
    async with Stage() as stage:
        stage.entry = entry(stage.provider.url, body={"key": "${accessToken}"})
        auth = NangoAuth(stage.client, "user-42", "acme")
        async with httpx.AsyncClient(auth=auth) as client:
            await client.post(f"{stage.provider.url}/", json={"a": 1})
            with pytest.raises(InvalidArgumentError, match="body"):
                await client.post(f"{stage.provider.url}/", content=chunks())

    assert stage.provider.seen[0].body == b'{"a":1,"key":"token-1"}'
    assert stage.provider.seen[0].headers["Content-Length"] == "23"


async def test_httpx_is_kept_off_the_network_where_data_decides_the_host() -> None:
    """As well as can be without its sockets."""
    async with Stage() as stage:
        stage.entry = entry("https://${connectionConfig.domain}")
        stage.connection = {"connection_config": {"domain": "localhost:9"}}
        auth = NangoAuth(stage.client, "user-42", "acme")
        async with httpx.AsyncClient(auth=auth) as client:
            with pytest.raises(ConnectionFailedError, match="private"):
                await client.get("https://localhost:9/")


async def test_httpx_goes_on_where_the_address_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused then is not refused here."""
    monkeypatch.setattr("nango_client._provider.addresses.is_forbidden", lambda _: False)
    async with Stage() as stage:
        stage.entry = entry("https://${connectionConfig.domain}")
        stage.connection = {"connection_config": {"domain": "localhost:9"}}
        auth = NangoAuth(stage.client, "user-42", "acme")
        async with httpx.AsyncClient(auth=auth) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("https://localhost:9/")


async def test_httpx_without_asyncio_is_told() -> None:
    """The synchronous client is another one."""
    async with Stage() as stage:
        auth = NangoAuth(stage.client, "user-42", "acme")
        assert repr(auth) == "<NangoAuth>"
        with pytest.raises(ConfigurationError, match="Async"):
            next(auth.sync_auth_flow(httpx.Request("GET", stage.provider.url)))


async def test_a_missing_httpx_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "httpx":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "nango_client.ext.httpx")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"nango-client\[httpx\]"):
        importlib.import_module("nango_client.ext.httpx")


async def test_nothing_here_is_an_error_of_transport() -> None:
    """`TransportError.host` is None unless somebody is known not to have answered."""
    assert TransportError("text").host is None
