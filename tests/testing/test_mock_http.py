"""The HTTP of the mock: what goes over its connections, byte by byte."""

import http.client
import json
import socket

import pytest
from talking import TARGET, converse, get, port_of

from nango_client.testing import MockNango


@pytest.fixture
def server(nango_server: MockNango) -> MockNango:
    nango_server.add_connection("user-42", "github")
    return nango_server


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
