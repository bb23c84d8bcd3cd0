"""Where redirects lead, what goes along, and what never reaches a provider: Nango's API key."""

import json
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from stage import API_KEY, SECRETS_ENTRY, Answer, Server, Stage, entry, status_of

from nango_client import (
    ConnectionFailedError,
    InvalidArgumentError,
    NangoError,
    TransportError,
)
from nango_client._provider.addresses import is_forbidden, make_public_socket

pytestmark = pytest.mark.asyncio


def to(url: str | Callable[[web.Request], str], status: int = 302) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/end":
            return web.json_response({})
        target = url if isinstance(url, str) else url(request)
        return web.Response(status=status, headers={"Location": target})

    return answer


async def test_a_redirect_at_home_keeps_the_credentials() -> None:
    """The answer knows where it came from."""
    async with Stage(to("/end")) as stage:
        acme = stage.client.direct("user-42", "acme")
        async with acme.get("/start") as response:
            assert [r.url.path for r in response.history] == ["/start"]
            assert response.url.path == "/end"
        assert await status_of(acme.post("/start", json={"a": 1})) == 200
        async with acme.get("/start", allow_redirects=False) as response:
            assert response.status == 302

    assert {seen.headers["Authorization"] for seen in stage.provider.seen} == {"Bearer token-1"}
    assert [seen.method for seen in stage.provider.seen[2:4]] == ["POST", "GET"]


async def test_a_redirect_at_home_is_signed_anew_and_keeps_its_body() -> None:
    """What depends on path or body belongs to this hop."""
    fields: dict[str, Any] = {
        "headers": {"X-Signed": "${method} ${path}"},
        "body": {"k": "${accessToken}"},
    }
    async with Stage(to("/end", 307)) as stage:
        stage.entry = entry(stage.provider.url, auth_mode="API_KEY", **fields)
        stage.kind = {"type": "TWO_STEP", "token": "token-1", "raw": {}}
        await status_of(stage.client.direct("user-42", "acme").post("/start", json={"a": 1}))

    signed = [seen.headers["X-Signed"] for seen in stage.provider.seen]
    assert signed == ["POST /start", "POST /end"]
    assert {seen.body for seen in stage.provider.seen} == {b'{"a":1,"k":"token-1"}'}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nothing_of_ours_goes_to_another_origin(status: int) -> None:
    """Neither header nor query, also where the provider sends the query along; the rest does."""
    async with Server() as other:
        answer = to(lambda request: f"{other.url}/x?{request.query_string}", status)
        async with Stage(answer) as stage:
            stage.entry = entry(
                stage.provider.url,
                headers={"X-Key": "${accessToken}", "X-Version": "7", "User-Agent": "ours"},
                query={"api_key": "${accessToken}"},
                auth_mode="API_KEY",
            )
            stage.kind = {"type": "TWO_STEP", "token": "token-1", "raw": {}}
            acme = stage.client.direct("user-42", "acme", headers={"X-Mine": "mine"})
            assert await status_of(acme.get("/start", params={"page": "2 3"})) == 200

    assert "api_key=token-1" in stage.provider.seen[0].path
    (seen,) = other.seen
    assert "token-1" not in seen.everything()
    assert seen.headers["X-Mine"] == "mine"
    assert "X-Version" not in seen.headers
    assert seen.headers.get("User-Agent") != "ours"
    assert seen.path == "/x?page=2+3"


async def test_credentials_come_back_only_at_home() -> None:
    """A way over another origin takes them off and on again; a refusal abroad renews nothing."""
    async with Server() as other:
        async with Stage(to(lambda _: f"{other.url}/x")) as stage:
            other.answer = to(f"{stage.provider.url}/end")
            acme = stage.client.direct("user-42", "acme")
            assert await status_of(acme.get("/start")) == 200

            async def refuse(request: web.Request) -> web.StreamResponse:
                return web.Response(status=401)

            other.answer = refuse
            assert await status_of(acme.get("/start")) == 401

    assert "Authorization" not in other.seen[0].headers
    assert stage.provider.seen[1].headers["Authorization"] == "Bearer token-1"
    assert stage.asked("force_refresh") == 0


async def test_a_body_with_a_key_goes_nowhere_else() -> None:
    """A GET that follows has none, and goes on."""
    async with Server() as other:
        for status, sent in ((307, 0), (303, 1)):
            async with Stage(to(f"{other.url}/x", status)) as stage:
                stage.entry = entry(stage.provider.url, body={"key": "${accessToken}"})
                call = stage.client.direct("user-42", "acme").post("/start", json={"a": 1})
                if sent:
                    assert await status_of(call) == 200
                else:
                    with pytest.raises(TransportError, match="a key") as caught:
                        await call
                    assert caught.value.host == "127.0.0.1"
            assert len(other.seen) == sent


@pytest.mark.parametrize("location", ["ftp://acme.example/", "https:///", "http://[::1"])
async def test_a_redirect_to_what_is_no_address_is_told(location: str) -> None:
    """And so is one that never ends, or leads to http."""
    async with Stage(to(location)) as stage:
        with pytest.raises(TransportError):
            await stage.client.direct("user-42", "acme").get("/start")


async def test_redirects_without_end_are_told() -> None:
    """After as many as aiohttp follows."""
    async with Stage(to("/start")) as stage:
        with pytest.raises(TransportError, match="without end"):
            await stage.client.direct("user-42", "acme").get("/start")


async def test_a_body_that_is_gone_cannot_follow() -> None:
    """An iterator has nothing left for the second hop."""

    async def chunks() -> Any:
        yield b"one"

    async with Stage(to("/end", 307)) as stage:
        with pytest.raises(TransportError, match="in memory"):
            await stage.client.direct("user-42", "acme").post("/start", data=chunks())


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server for 127.0.0.1 and of clients that trust it."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_a_redirect_from_https_to_http_is_refused(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """Anybody could read what goes there."""
    async with Server() as plain, Server(to(lambda _: f"{plain.url}/x"), tls[0]) as secure:
        async with Stage() as stage:
            acme = stage.client.direct("user-42", "acme", base_url=secure.url)
            with pytest.raises(TransportError, match="by http"):
                await acme.get("/start", ssl=tls[1])
            untrusted = stage.client.direct("user-42", "acme", base_url=secure.url, retries=2)
            with pytest.raises(ConnectionFailedError, match="certificate") as caught:
                await untrusted.get("/start")

    assert not plain.seen
    assert not caught.value.retryable


async def test_a_redirect_at_home_that_cannot_be_planned_raises_ours() -> None:
    """What fails on the way is no error of aiohttp."""
    async with Stage() as stage:
        stage.entry = entry(stage.provider.url, **SECRETS_ENTRY)
        stage.integration = {
            "credentials": {"type": "OAUTH2", "client_id": "i", "client_secret": "s"}
        }

        async def redirect(request: web.Request) -> web.StreamResponse:
            stage.failing = {"/integrations/"}
            stage.client.invalidate()
            return web.Response(status=302, headers={"Location": "/end"})

        stage.provider.answer = redirect
        with pytest.raises(NangoError, match="503"):
            await stage.client.direct("user-42", "acme").get("/start")


# ---- the key of Nango ---------------------------------------------------------------------------


async def test_the_api_key_reaches_nango_alone() -> None:
    """Not by a redirect, a borrowed session, an absolute or another URL, nor a middleware."""
    async with Server() as other, aiohttp.ClientSession() as borrowed:
        async with Stage(session=borrowed) as stage:
            stage.entry = entry(
                stage.provider.url,
                headers={"X-Key": "${accessToken}"},
                query={"k": "${accessToken}"},
            )
            client, url = stage.client, stage.provider.url
            stage.provider.answer = to(lambda r: f"{other.url}/x?{r.query_string}", 307)
            for options in ({}, {"base_url": url}, {"session": borrowed}):
                acme = client.direct("user-42", "acme", **options)  # type: ignore[arg-type]
                for path in ("/a", f"{url}/a"):
                    await status_of(acme.get(path))
                    await status_of(acme.post(path, json={"a": 1}))
            async with aiohttp.ClientSession(middlewares=(client.auth("user-42", "acme"),)) as mine:
                async with mine.get(f"{url}/a"), mine.post(f"{other.url}/a"):
                    pass
            prepared = await client.prepare("user-42", "acme", "GET", "/a")
            await client.get_token("user-42", "acme", force_refresh=True)

    received = [seen.everything() for seen in (*stage.provider.seen, *other.seen)]
    assert len(received) > 20
    assert not [text for text in received if API_KEY in text]
    assert API_KEY not in f"{prepared.url}{dict(prepared.headers)}"
    assert all(API_KEY in seen.everything() for seen in stage.nango.seen)
    assert not [seen for seen in other.seen if "token-" in seen.everything()]


async def test_an_answer_of_nangos_proxy_that_leads_away_is_not_followed() -> None:
    """The key would go along."""
    async with Server() as other, Stage() as stage:
        stage.proxy = to(f"{other.url}/x")
        assert await status_of(stage.client.proxy("user-42", "acme").get("/a")) == 302

    assert not other.seen


# ---- addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("own", [True, False], ids=["own", "session"])
async def test_data_cannot_lead_into_the_network(
    place: str, own: bool, tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """Checked on the address that is connected to; nothing is sent there."""
    async with Server(ssl=tls[0]) as inside, aiohttp.ClientSession() as session:
        async with Stage() as stage:
            stage.entry = entry("https://${connectionConfig.domain}")
            stage.connection = {"connection_config": {"domain": f"{place}:{inside.port}"}}
            acme = stage.client.direct(
                "user-42", "acme", session=None if own else session, retries=1
            )
            with pytest.raises(ConnectionFailedError, match="private") as caught:
                await acme.get("/", ssl=tls[1])
            with pytest.raises(ConnectionFailedError, match="private"):
                await acme.post("/", ssl=tls[1], proxy="http://127.0.0.1:9")
            middleware = stage.client.auth("user-42", "acme")
            async with aiohttp.ClientSession(middlewares=(middleware,)) as other:
                with pytest.raises(OSError, match="private"):
                    await other.get(f"https://{place}:{inside.port}/", ssl=tls[1])

    assert not inside.seen
    assert (caught.value.retryable, caught.value.may_have_run) == (False, False)


async def test_a_name_from_data_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a session that is not ours the request goes to the very address that was checked."""
    hosts: list[Any] = []
    monkeypatch.setattr("nango_client._provider.addresses.is_forbidden", lambda _: False)
    async with Stage() as stage, aiohttp.ClientSession() as session:
        stage.entry = entry("https://${connectionConfig.domain}")
        stage.connection = {"connection_config": {"domain": "localhost:9"}}
        monkeypatch.setattr(aiohttp.TCPConnector, "connect", note_connect(hosts))
        acme = stage.client.direct("user-42", "acme", session=session)
        with pytest.raises(NangoError):
            await acme.get("/")

    assert hosts[-1] == ("127.0.0.1", "localhost", "localhost:9")


def note_connect(hosts: list[Any]) -> Any:
    real = aiohttp.TCPConnector.connect

    async def connect(self: Any, req: Any, **rest: Any) -> Any:
        hosts.append((req.url.host, req.server_hostname, req.headers["Host"]))
        if req.url.scheme == "https":
            raise aiohttp.ClientConnectionError
        return await real(self, req, **rest)

    return connect


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),  # noqa: S104
        *("100.64.0.1", "100.100.100.200", "168.63.129.16", "224.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "::ffff:10.0.0.1", "ff02::1"),
        *("64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::", "::10.0.0.1", "no address"),
    ],
)
async def test_addresses_that_are_not_public_are_forbidden(address: str) -> None:
    """However they are written."""
    assert is_forbidden(address)
    with pytest.raises(OSError, match="private"):
        make_public_socket((2, 1, 6, "", (address, 443)))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
async def test_public_addresses_are_allowed(address: str) -> None:
    """And get a socket."""
    assert not is_forbidden(address)
    make_public_socket((2, 1, 6, "", (address, 443))).close()


async def test_a_prepared_request_is_what_direct_would_send() -> None:
    """For any other library; it shows neither key nor body."""
    async with Stage() as stage:
        client = stage.client
        request = await client.prepare(
            "user-42", "acme", "post", "/a b", params={"c": 1}, headers={"X": "y"}, json={"d": 2}
        )
        plain = await client.prepare("user-42", "acme", "GET", "/", data=None)
        with pytest.raises(InvalidArgumentError):
            await client.prepare("user-42", "acme", "POST", "/", data="text")  # type: ignore[arg-type]

    assert (request.method, request.body) == ("POST", b'{"d":2}')
    assert request.url == f"{stage.provider.url}/a%20b?c=1"
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["X"] == "y"
    assert json.dumps(dict(request.headers)).count("Bearer token-1") == 1
    assert "token" not in f"{request!r} {request.headers!r}"
    assert plain.body is None
