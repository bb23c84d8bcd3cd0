"""The API key in headers: the server gets it, and other code finds plain text in its place."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import vcr
import yaml
from aiohttp import ClientSession, TraceConfig, TraceRequestHeadersSentParams
from leaks import all_that_shows
from multidict import CIMultiDict

from nango_client import NangoClient
from nango_client._http.protocol import About, Request
from nango_client._http.sealed import Hidden, SealedHeaders
from nango_client.testing import MockNango

KEY = "Bearer canary"


def sealed() -> SealedHeaders:
    headers = CIMultiDict([("X-Twice", "1"), ("authorization", "other"), ("X-Twice", "2")])
    return SealedHeaders.of(headers, Hidden(KEY))


def test_only_who_writes_headers_gets_the_key() -> None:
    """`items` gives it, as a plain str, once; every other way gives a mask, a plain str too."""
    for headers in (sealed(), sealed().copy(), SealedHeaders.of(sealed(), Hidden(KEY))):
        written = list(headers.items())

        assert ("Authorization", KEY) in [(name.title(), value) for name, value in written]
        assert [value for name, value in written if name == "X-Twice"] == ["1", "2"]
        assert len(written) == 3
        seen = [headers["Authorization"], headers.get("authorization"), *headers.values()]
        assert {type(value) for value in (*seen, *dict(written).values())} == {str}
        assert KEY not in seen
        assert "canary" not in f"{headers!r} {headers} {dict(headers)} {CIMultiDict(headers)}"


def test_a_hidden_text_does_not_show() -> None:
    """Its repr is a mask."""
    assert repr([Hidden(KEY)]) == "['***']"


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    nango_server.add_connection("user-42", "github")
    return nango_server


async def with_own_session(server: MockNango, session: ClientSession | None = None) -> str:
    async with server.client(session=session) as client:
        return await client.get_token("user-42", "github")


async def with_borrowed_session(server: MockNango) -> str:
    async with ClientSession(headers={"Authorization": "of the session"}) as session:
        return await with_own_session(server, session)


@pytest.mark.parametrize("fetch", [with_own_session, with_borrowed_session])
def test_a_cassette_saves_and_replays(
    fetch: Callable[[MockNango], Awaitable[str]], server: MockNango, tmp_path: Path
) -> None:
    """Vcrpy finds nothing that YAML could not write, and no key."""
    cassette = str(tmp_path / "cassette.yaml")

    async def main() -> str:
        return await fetch(server)

    with vcr.use_cassette(cassette, record_mode="all"):
        recorded = asyncio.run(main())
    with vcr.use_cassette(cassette, record_mode="none"):
        replayed = asyncio.run(main())

    assert recorded == replayed
    assert len(server.requests) == 1
    assert server.requests[0].headers["Authorization"] == f"Bearer {server.api_key}"
    text = Path(cassette).read_text("utf-8")
    assert yaml.safe_load(text)["interactions"]
    assert server.api_key not in text


@pytest.mark.parametrize("borrowed", [True, False])
def test_traces_get_plain_text(
    server: MockNango, monkeypatch: pytest.MonkeyPatch, *, borrowed: bool
) -> None:
    """What a trace is given can be written by any tool; where one fails, its frames show no key."""
    seen: list[Mapping[str, str]] = []
    failures: list[BaseException] = []

    async def keep(_: object, __: object, params: Any) -> None:
        seen.append(params.headers)
        if isinstance(params, TraceRequestHeadersSentParams):
            raise KeyboardInterrupt

    traces = TraceConfig()
    traces.on_request_start.append(keep)
    traces.on_request_headers_sent.append(keep)
    original = ClientSession.__init__

    def traced(self: ClientSession, **options: Any) -> None:
        original(self, **options, trace_configs=[traces])

    async def main() -> None:
        if not borrowed:
            await with_own_session(server)
            return
        async with ClientSession() as session:
            await with_own_session(server, session)

    monkeypatch.setattr(ClientSession, "__init__", traced)
    try:
        asyncio.run(main())
    except KeyboardInterrupt as error:
        failures.append(error)

    assert len(failures) == 1
    assert len(seen) == 2
    for headers in seen:
        # aiohttp's own names are of a class of its own.
        shown = yaml.safe_dump({str(name): value for name, value in headers.items()})
        assert "application/json" in shown
        assert all(type(value) is str for value in headers.values())
        assert server.api_key not in f"{headers} {dict(headers)}"
    assert "***" in all_that_shows(failures[0])
    assert server.api_key not in all_that_shows(failures[0])


@pytest.mark.parametrize("borrowed", [True, False])
def test_a_request_with_a_key_of_its_own_shows_it_to_nobody_else(
    server: MockNango, tmp_path: Path, *, borrowed: bool
) -> None:
    """A connect session's token takes the place of the API key."""
    cassette = tmp_path / "cassette.yaml"
    path = "/connect/sessions"
    request = Request("DELETE", path, path, "", About("it"), session_token="canary-token")

    async def send(client: NangoClient) -> None:
        await client._transport.send(request, 5.0)

    async def main() -> None:
        if borrowed:
            async with ClientSession() as session, server.client(session=session) as client:
                await send(client)
        else:
            async with server.client() as client:
                await send(client)

    with vcr.use_cassette(str(cassette), record_mode="all"):
        asyncio.run(main())

    assert server.requests[0].headers["Authorization"] == "Bearer canary-token"
    assert "canary" not in cassette.read_text("utf-8")
    assert "interactions" in cassette.read_text("utf-8")
