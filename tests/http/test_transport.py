"""What leaves on the wire, byte by byte, and what comes back of an answer."""

import asyncio
import random
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from wire_server import CONNECTION, WireServer, answer, reset

import nango_client
from nango_client import (
    ClientClosedError,
    ConnectionFailedError,
    InvalidArgumentError,
    NangoClient,
    NangoError,
    RetryPolicy,
    SystemClock,
    TimeoutPolicy,
)
from nango_client._config import read_settings
from nango_client._credentials.keys import connection_request
from nango_client._http.protocol import Request
from nango_client._http.transport import AiohttpTransport

pytestmark = pytest.mark.asyncio

KEY = "canary-key"
REQUEST = connection_request(("user-42", "github"))


def transport_to(url: str, session: aiohttp.ClientSession | None = None) -> AiohttpTransport:
    settings = read_settings(KEY, url, allow_insecure_http=False)
    assert not isinstance(settings, str)
    return AiohttpTransport(settings, TimeoutPolicy(), SystemClock(), session)


async def head_of(request: Request = REQUEST, prefix: str = "") -> tuple[str, dict[str, str]]:
    """Send a request and give its first line and its headers as the server got them."""
    async with WireServer(answer()) as server:
        transport = transport_to(server.url + prefix)
        await transport.send(request, 5.0)
        await transport.close()
    assert len(server.requests) == 1
    first, *lines = server.requests[0].decode("ascii").rstrip("\r\n").split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines)


async def test_a_request_carries_the_key_our_name_and_little_else() -> None:
    """No Content-Type, which Nango would refuse, and no cookie."""
    first, headers = await head_of()

    assert first == "GET /connection/user-42?provider_config_key=github HTTP/1.1"
    assert headers.pop("Host").startswith("127.0.0.1:")
    assert "gzip" in headers.pop("Accept-Encoding")
    assert headers == {
        "Authorization": f"Bearer {KEY}",
        "Accept": "application/json",
        "User-Agent": f"nango-client/{nango_client.__version__} aiohttp/{aiohttp.__version__}",
    }


@pytest.mark.parametrize(
    ("prefix", "path"),
    [
        ("", "/connection/user-42"),
        ("/", "/connection/user-42"),
        ("/nango", "/nango/connection/user-42"),
        ("/nango/", "/nango/connection/user-42"),
        ("/a%2Fb/c", "/a%2Fb/c/connection/user-42"),
    ],
)
async def test_a_path_prefix_of_the_address_is_kept(prefix: str, path: str) -> None:
    """With a slash at its end or without, and with its escapes as they are."""
    first, _ = await head_of(prefix=prefix)

    assert first.split(" ")[1].partition("?")[0] == path


@pytest.mark.parametrize(
    ("connection_id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ('{"x":1}', "%7B%22x%22%3A1%7D"),
        ("x?force_refresh=true", "x%3Fforce_refresh%3Dtrue"),
        ("../integrations", "..%2Fintegrations"),
        ("a/../b", "a%2F..%2Fb"),
        ("%2e%2e", "%252e%252e"),
        ("a+b", "a%2Bb"),
        ("x#y", "x%23y"),
        ("...", "..."),
        ("é\N{GRINNING FACE}", "%C3%A9%F0%9F%98%80"),
        ("a" * 255, "a" * 255),
    ],
    ids=lambda value: value[:20],
)
async def test_the_id_is_one_segment_of_the_raw_request_line(
    connection_id: str, segment: str
) -> None:
    """Nothing between us and the socket undoes the quoting."""
    first, _ = await head_of(connection_request((connection_id, connection_id)))

    assert first == f"GET /connection/{segment}?provider_config_key={segment} HTTP/1.1"


async def test_random_ids_reach_the_server_as_one_segment_or_not_at_all() -> None:
    """Five hundred ids of hostile characters: the raw line decodes to the id, and adds nothing."""
    rng = random.Random(20261124)  # noqa: S311
    alphabet = "a/.?#&=%+;:@\\ {}\"'2eEfF\x00\x7f\r\né\N{GRINNING FACE}\ud800"
    ids = ["".join(rng.choices(alphabet, k=rng.randint(0, 9))) for _ in range(500)]
    expected: list[str] = []

    async with WireServer(answer()) as server:
        transport = transport_to(server.url)
        for connection_id in ids:
            try:
                request = connection_request((connection_id, "k"))
            except InvalidArgumentError:
                continue
            await transport.send(request, 5.0)
            expected.append(connection_id)
        await transport.close()

    lines = [head.split(b"\r\n")[0].decode("ascii") for head in server.requests]
    segments = [
        line.removeprefix("GET /connection/").removesuffix("?provider_config_key=k HTTP/1.1")
        for line in lines
    ]
    assert [unquote(segment, errors="strict") for segment in segments] == expected
    assert not any(set(segment) & set("/?#&= ") for segment in segments)
    assert len(expected) > 50


async def test_requests_share_a_connection() -> None:
    """The pool keeps one connection for calls in turn."""
    ports: set[Any] = set()

    async def note_port(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports.add(writer.get_extra_info("peername"))
        writer.write(answer())

    async with WireServer(note_port) as server:
        transport = transport_to(server.url)
        for _ in range(5):
            await transport.send(REQUEST, 5.0)
        await transport.close()

    assert len(ports) == 1


async def test_cookies_are_not_kept() -> None:
    """What a proxy sets does not come back; asked by name, as no jar keeps those of addresses."""
    async with WireServer(answer(Set_Cookie="a=b")) as server:
        transport = transport_to(f"http://localhost:{server.port}")
        await transport.send(REQUEST, 5.0)
        await transport.send(REQUEST, 5.0)
        await transport.close()

    assert len(server.requests) == 2
    assert not any(b"cookie" in head.lower() for head in server.requests)


async def test_an_answer_is_given_whatever_its_status() -> None:
    """Status, headers without regard to case, and the whole body."""
    async with WireServer(answer(418, b'{"a": 1}', X_Request_Id="abc")) as server:
        transport = transport_to(server.url)
        response = await transport.send(REQUEST, 5.0)
        await transport.close()

    assert response.status == 418
    assert response.headers["x-request-id"] == "abc"
    assert response.body == b'{"a": 1}'


@pytest.mark.parametrize("own", [True, False], ids=["own", "borrowed"])
async def test_a_request_leaves_once_where_the_pooled_connection_is_dead(own: bool) -> None:
    """A GET is sent again by aiohttp itself; a forced renewal must not run twice."""
    forced = connection_request(("user-42", "github", "force_refresh"))
    async with WireServer(answer(), reset) as server, aiohttp.ClientSession() as session:
        transport = transport_to(server.url, None if own else session)
        await transport.send(REQUEST, 5.0)

        with pytest.raises(ConnectionFailedError) as caught:
            await transport.send(forced, 5.0)
        await transport.close()

    assert len(server.requests) == 2
    assert caught.value.may_have_run is True
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


async def test_the_error_names_the_server_and_quotes_nothing_of_aiohttp() -> None:
    """Host and port are shown, the key and aiohttp's own text are not."""
    async with WireServer(reset) as server:
        transport = transport_to(server.url)
        with pytest.raises(ConnectionFailedError) as caught:
            await transport.send(REQUEST, 5.0)
        await transport.close()

    assert str(caught.value) == (
        f"127.0.0.1:{server.port} closed the connection before the whole answer had come"
    )


async def test_a_closed_transport_of_its_own_session_opens_another() -> None:
    """Whether calls may still be made is not decided here."""
    async with WireServer(answer()) as server:
        transport = transport_to(server.url)
        await transport.send(REQUEST, 5.0)
        await transport.close()
        await transport.send(REQUEST, 5.0)
        await transport.close()

    assert len(server.requests) == 2


async def test_a_borrowed_session_is_neither_changed_nor_closed() -> None:
    """Its headers and cookies stay as they were."""
    async with WireServer(answer(Set_Cookie="a=b")) as server, aiohttp.ClientSession() as session:
        before = dict(session.headers)
        transport = transport_to(server.url, session)
        await transport.send(REQUEST, 5.0)
        await transport.close()

        assert not session.closed
        assert dict(session.headers) == before


async def test_a_borrowed_session_that_closes_later_is_named() -> None:
    """Between two calls its owner may close it."""
    async with WireServer(answer()) as server:
        session = aiohttp.ClientSession()
        transport = transport_to(server.url, session)
        await transport.send(REQUEST, 5.0)
        await session.close()

        with pytest.raises(ClientClosedError, match="borrowed is closed"):
            await transport.send(REQUEST, 5.0)

    assert len(server.requests) == 1


@pytest.mark.parametrize("own", [True, False], ids=["own", "borrowed"])
async def test_the_default_is_one_request_for_one_call(own: bool) -> None:
    """A plain call through the client, with its own session or another's."""
    async with WireServer(answer()) as server, aiohttp.ClientSession() as session:
        client = NangoClient(KEY, base_url=server.url, session=None if own else session)
        connection = await client.get_connection("user-42", "github")
        await client.close()

    assert connection.connection_id == CONNECTION["connection_id"]
    assert len(server.requests) == 1


async def test_nothing_is_sent_for_an_argument_that_is_refused() -> None:
    """A bad id costs no request."""
    async with WireServer(answer()) as server:
        async with NangoClient(KEY, base_url=server.url) as client:
            for bad in (".", "..", "", "a\n", "a" * 256):
                with pytest.raises(InvalidArgumentError):
                    await client.get_connection(bad, "github")

    assert server.requests == []


async def test_an_attempt_ends_at_its_limit_though_bytes_keep_coming() -> None:
    """The limit covers the whole answer, and the connection is not used again."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(length=5000)[:200])
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.01)

    limits = TimeoutPolicy(attempt=0.15, total=5.0)
    async with WireServer(drip, answer()) as server:
        client = NangoClient(
            KEY, base_url=server.url, timeout=limits, retry=RetryPolicy(max_attempts=1)
        )
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(NangoError, match=r"no whole answer from .* within 0\.15 s"):
            await client.get_connection("user-42", "github")
        took = loop.time() - began
        again = await client.get_connection("user-42", "github")
        await client.close()

    assert 0.14 < took < 0.65
    assert again.id == CONNECTION["id"]
