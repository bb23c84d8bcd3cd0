"""`MockNango` on its socket: how it starts, ends, and speaks HTTP."""

import asyncio
import http.client
import inspect
import json
import socket
import threading

import pytest

from nango_client import (
    ConnectionFailedError,
    NangoClient,
    NotFoundError,
    OAuth2Credentials,
    RetryPolicy,
    SystemClock,
    TransportError,
)
from nango_client.testing import FakeClock, MockNango
from nango_client.testing._server import ClientOptions

TARGET = "/connection/user-42?provider_config_key=github"
ONCE = RetryPolicy(max_attempts=1)


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    nango_server.add_connection("user-42", "github")
    return nango_server


def port_of(server: MockNango) -> int:
    return int(server.base_url.rpartition(":")[2])


def converse(server: MockNango, sent: bytes) -> bytes:
    """Send bytes and give all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=5) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def get(server: MockNango, target: str = TARGET, *headers: str, version: str = "1.1") -> bytes:
    lines = [
        f"GET {target} HTTP/{version}",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {server.api_key}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def arrival(server: MockNango) -> None:
    """Wait until a request has reached the server."""
    while not server.requests:
        await asyncio.sleep(0)


@pytest.mark.nango_strict
@pytest.mark.asyncio
async def test_a_client_gets_what_was_added(server: MockNango) -> None:
    """The server's own client finds address, key and clock set."""
    async with server.client() as nango:
        connection = await nango.get_connection("user-42", "github")

    assert isinstance(connection.credentials, OAuth2Credentials)
    assert connection.credentials.expires_at is not None
    assert connection.credentials.expires_at.timestamp() == server.clock.time() + 3600


@pytest.mark.asyncio
async def test_advancing_moves_the_client_too(server: MockNango) -> None:
    """When time passes at the server, the client's cached token ages as well."""
    async with server.client() as nango:
        first = await nango.get_token("user-42", "github")
        server.advance(3600)

        assert await nango.get_token("user-42", "github") != first


@pytest.mark.asyncio
async def test_a_clients_options_can_be_given(server: MockNango) -> None:
    """Arguments win over what the server sets."""
    key = server.add_key(["environment:connections:read"])

    async with server.client(api_key=key, retry=ONCE) as nango:
        connection = await nango.get_connection("user-42", "github")

    assert connection.credentials.type == "NONE"


def test_a_clients_options_are_its_arguments() -> None:
    """The typed options are the arguments of the client, all of them."""
    assert set(ClientOptions.__annotations__) == set(inspect.signature(NangoClient).parameters)


@pytest.mark.asyncio
async def test_both_with_statements_start_and_stop() -> None:
    """With and without async the server runs inside the block and nowhere else."""
    with MockNango() as plain:
        assert plain.base_url.startswith("http://127.0.0.1:")
    async with MockNango() as asynchronous:
        assert asynchronous.base_url != ""

    for server in (plain, asynchronous):
        with pytest.raises(RuntimeError, match="not running"):
            _ = server.base_url


def test_it_can_be_stopped_twice_and_started_again() -> None:
    """A server may go down and come back with what it knew."""
    server = MockNango()
    server.add_connection("user-42", "github")
    server.start()
    server.stop()
    server.stop()

    with server:
        assert converse(server, get(server, TARGET, "Connection: close")).startswith(
            b"HTTP/1.1 200"
        )


@pytest.mark.asyncio
async def test_leaving_the_block_after_stop_is_fine() -> None:
    """A server that was stopped inside its block is left alone at the end."""
    async with MockNango() as server:
        server.stop()


@pytest.mark.asyncio
async def test_it_starts_once_at_a_time(server: MockNango) -> None:
    """A running server is not started again."""
    with pytest.raises(RuntimeError, match="running already"):
        server.start()
    with pytest.raises(RuntimeError, match="running already"):
        async with server:
            pass


@pytest.mark.asyncio
async def test_a_taken_port_is_an_error(server: MockNango) -> None:
    """Where something else listens, starting raises, in both forms; nothing is left running."""
    second = MockNango(port=port_of(server))
    threads = threading.active_count()

    with pytest.raises(OSError, match="address"):
        second.start()
    with pytest.raises(OSError, match="address"):
        async with second:
            pass

    second.stop()
    assert threading.active_count() <= threads


def test_a_port_can_be_chosen() -> None:
    """The server listens where it is told to."""
    with MockNango() as first:
        port = port_of(first)

    with MockNango(port=port) as second:
        assert port_of(second) == port


@pytest.mark.asyncio
async def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    """Cancelled while it waits for the server's thread, entering the block ends the thread."""
    threads = threading.active_count()

    async def enter() -> None:
        async with MockNango():
            pytest.fail("entered")

    task = asyncio.create_task(enter())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert threading.active_count() <= threads


def test_two_servers_do_not_know_each_other(server: MockNango) -> None:
    """Connections and requests of one server are not those of another."""
    with MockNango() as other:
        converse(other, get(other, TARGET, "Connection: close"))

        assert len(other.requests) == 1
        assert server.requests == []


def test_its_repr_names_its_address() -> None:
    """The repr shows where it runs, not its key."""
    server = MockNango()
    assert repr(server) == "<MockNango not running>"
    with server:
        assert repr(server) == f"<MockNango {server.base_url}>"


def test_real_time_can_pass() -> None:
    """On the system's clock the server's time is the real one, and still can be moved."""
    clock = SystemClock()
    server = MockNango(clock=clock)

    server.advance(100)

    assert 99 < server.clock.time() - clock.time() < 110


def test_a_given_fake_clock_is_used_itself() -> None:
    """Two servers may share a clock."""
    clock = FakeClock()

    assert MockNango(clock=clock).clock is clock


@pytest.mark.asyncio
async def test_requests_are_recorded_as_sent(server: MockNango) -> None:
    """A record has the path decoded and raw, the query, and headers whatever their case."""
    server.add_connection("a/b c", "github")
    async with server.client() as nango:
        await nango.get_connection("a/b c", "github", force_refresh=True)

    (request,) = server.requests
    assert request.method == "GET"
    assert request.path == "/connection/a/b c"
    assert request.raw_path == "/connection/a%2Fb%20c"
    assert request.query == {"provider_config_key": "github", "force_refresh": "true"}
    assert request.connection_id == "a/b c"
    assert request.headers["authorization"] == f"Bearer {server.api_key}"
    assert server.api_key not in repr(request)


@pytest.mark.asyncio
async def test_a_dropped_request_gets_no_answer(server: MockNango) -> None:
    """The connection is closed, and the client sees a transport error."""
    server.drop_next()
    async with server.client(retry=ONCE) as nango:
        with pytest.raises(TransportError):
            await nango.get_connection("user-42", "github", force_refresh=True)

        assert await nango.get_token("user-42", "github")


@pytest.mark.asyncio
async def test_a_delayed_answer_can_be_overtaken(server: MockNango) -> None:
    """The server does its part at once: a later request may be answered before with newer state."""
    server.delay_next(0.2)
    async with server.client(cache=None) as nango:
        slow = asyncio.create_task(nango.get_token("user-42", "github"))
        await arrival(server)
        renewed = await nango.get_token("user-42", "github", force_refresh=True)

        assert not slow.done()
        assert await slow != renewed


@pytest.mark.asyncio
async def test_stopping_does_not_wait_for_delayed_answers() -> None:
    """A client that waits for an answer is cut off when the server stops."""
    with MockNango() as server:
        server.delay_next(60)
        nango = server.client(retry=ONCE)
        waiting = asyncio.create_task(nango.get_connection("user-42", "github"))
        await arrival(server)

    with pytest.raises(TransportError):
        await waiting
    await nango.close()


@pytest.mark.asyncio
async def test_stopping_closes_connections_that_wait(server: MockNango) -> None:
    """A client that kept its connection open finds nobody there."""
    async with server.client(cache=None, retry=ONCE) as nango:
        await nango.get_connection("user-42", "github")
        server.stop()

        with pytest.raises(ConnectionFailedError):
            await nango.get_connection("user-42", "github")


@pytest.mark.asyncio
async def test_a_client_that_goes_away_is_forgotten(server: MockNango) -> None:
    """Clients that leave before their answer do not disturb the next."""
    server.delay_next(0.05)
    with socket.create_connection(("127.0.0.1", port_of(server))) as connection:
        connection.sendall(get(server))
    with socket.create_connection(("127.0.0.1", port_of(server))) as connection:
        connection.sendall(b"GET / HT")

    async with server.client() as nango:
        with pytest.raises(NotFoundError):
            await nango.get_connection("user-43", "github")


def test_connections_are_kept_open(server: MockNango) -> None:
    """Several requests travel over one connection, also with bodies, until one asks to close."""
    body = json.dumps({"a": 1}).encode()
    post = b"POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    received = converse(server, get(server) + post + get(server, TARGET, "connection: Close"))

    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.count(b"HTTP/1.1 404 Not Found") == 1
    assert received.count(b"Connection: keep-alive") == 2
    assert received.count(b"Connection: close") == 1


def test_an_old_client_is_not_kept(server: MockNango) -> None:
    """An HTTP/1.0 client learns the answer's end by the connection's."""
    assert b"Connection: close" in converse(server, get(server, version="1.0"))


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        (b"Content-Length: 9", b'{"a":"b"}'),
        (b"Transfer-Encoding: chunked", b'4\r\n{"a"\r\n5\r\n:"b"}\r\n0\r\n\r\n'),
        (b"Expect: 100-continue\r\nContent-Length: 9", b'{"a":"b"}'),
    ],
)
def test_a_body_is_recorded(server: MockNango, headers: bytes, sent: bytes) -> None:
    """Bodies of known length and in chunks arrive, and the connection stays open."""
    post = b"POST /nope HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n%s" % (headers, sent)

    received = converse(server, post + get(server, TARGET, "Connection: close"))

    assert server.requests[0].body == b'{"a":"b"}'
    assert server.requests[0].json() == {"a": "b"}
    assert '"b"' not in repr(server.requests[0])
    assert received.count(b"HTTP/1.1 404 Not Found") == 1
    assert received.count(b"HTTP/1.1 200 OK") == 1
    assert received.startswith(b"HTTP/1.1 100") == headers.startswith(b"Expect")


def test_a_large_body_arrives(server: MockNango) -> None:
    """A body of many megabytes is read whole."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server))
    connection.request("POST", "/nope", b"x" * 20_000_000)

    assert connection.getresponse().status == 404
    connection.close()
    assert len(server.requests[0].body) == 20_000_000


def test_a_broken_body_is_refused(server: MockNango) -> None:
    """A chunk that is none gets a 400 and the connection's end."""
    request = b"POST /nope HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"

    assert converse(server, request).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert server.requests == []


def test_a_body_that_is_not_what_it_says_is_refused(server: MockNango) -> None:
    """A body that does not decompress is a 400."""
    head = b"POST /nope HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n"

    assert converse(server, head + b"\r\nhello").startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert server.requests == []


@pytest.mark.asyncio
async def test_a_client_that_leaves_inside_its_body_is_forgotten(
    server: MockNango, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a body is no request, and no fault of the server."""
    head = b"POST /nope HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 50\r\n"
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=5) as connection:
        connection.sendall(head + b"\r\nhalf of it")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")

    async with server.client() as nango:
        await nango.get_connection("user-42", "github")
    assert [request.method for request in server.requests] == ["GET"]
    assert caplog.messages == []


def test_an_answer_can_come_in_chunks(server: MockNango) -> None:
    """With the header for it, a scripted body is sent in chunks."""
    server.fail_next(200, body="hello", headers={"Transfer-Encoding": "chunked"})

    received = converse(server, get(server) + get(server, TARGET, "Connection: close"))

    assert b"\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n" in received


def test_a_fault_of_the_kit_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes wrong inside the server is logged, and answered with a bare 500."""

    def fail(*_: object) -> None:
        raise LookupError("a fault")

    monkeypatch.setattr(MockNango, "react", fail)

    with MockNango() as server:
        received = converse(server, get(server))

    assert received.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert "MockNango failed at /connection/user-42" in caplog.text
    assert "LookupError: a fault" in caplog.text


def test_a_head_request_gets_no_body(server: MockNango) -> None:
    """The answer to a HEAD ends after its headers."""
    received = converse(server, b"HEAD /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 404")
    assert received.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("request_", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"])
def test_what_is_not_http_is_refused(server: MockNango, request_: bytes) -> None:
    """Other protocols get a 400 and the connection's end."""
    assert converse(server, request_).startswith(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize("headers", [[], [f"X-{n}: {'y' * 5000}" for n in range(4)]])
@pytest.mark.parametrize("size", [16_400, 40_000])
def test_a_very_long_head_is_refused(server: MockNango, size: int, headers: list[str]) -> None:
    """Above 16 kB the answer is an empty 431, and the connection is closed."""
    target = "/" if headers else "/" + "x" * size

    received = converse(server, get(server, target, *headers))

    assert received.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert received.endswith(b"Fields Too Large\r\nConnection: close\r\n\r\n")


def test_a_wrong_content_length_cuts_the_answer_short(server: MockNango) -> None:
    """A truncated body can be played: the connection ends before the promised length."""
    server.fail_next(200, body={"a": 1}, headers={"Content-Length": "1000"})
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server))
    connection.request("GET", TARGET)

    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()


def test_an_unusual_status_is_sent_without_a_phrase(server: MockNango) -> None:
    """A status that HTTP does not name can be played too."""
    server.fail_next(599, headers={"Connection": "close"})

    assert converse(server, get(server)).startswith(b"HTTP/1.1 599 \r\n")
