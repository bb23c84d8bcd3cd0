"""The fault matrix: each fault, how often the request was sent, what the caller got, how soon."""

import asyncio
import gzip
import json
import ssl
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import aiohttp
import brotli
import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult
from wire_server import (
    CONNECTION,
    Play,
    WireServer,
    answer,
    dribble,
    flood,
    hang,
    reset,
    then_close,
    then_reset,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from nango_client import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    DecodeError,
    NangoClient,
    NangoError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RefreshFailedError,
    RequestTimeoutError,
    ResponseTooLargeError,
    RetryPolicy,
    ServerError,
    TimeoutPolicy,
    TransportError,
)

pytestmark = pytest.mark.asyncio

IDS = ("user-42", "github")
TIMEOUT = TimeoutPolicy(connect=0.3, attempt=0.3, total=1.0)
FAST = RetryPolicy(initial_delay=0.001, max_delay=0.002)
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = json.dumps(CONNECTION).encode()


def client_of(url: str, **options: Any) -> NangoClient:
    return NangoClient(
        "canary-key", **{"base_url": url, "timeout": TIMEOUT, "retry": FAST} | options
    )


async def outcome(client: NangoClient, **options: Any) -> NangoError | None:
    """Ask within the total timeout and half a second; give the error, or None."""
    async with asyncio.timeout(TIMEOUT.total + 0.5):
        try:
            await client.get_connection(*IDS, **options)
        except NangoError as error:
            return error
        return None


def variant(**fields: Any) -> bytes:
    return json.dumps(CONNECTION | fields).encode()


def nested(depth: int) -> bytes:
    return BODY[:-1] + b', "metadata": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


# Fault: what the server plays, the class that the caller gets, the requests of an ordinary call and
# of a forced one.
MATRIX: dict[str, tuple[bytes | Play, type[NangoError], int, int]] = {
    "reset before the first byte": (reset, ConnectionFailedError, 3, 1),
    "closed before the first byte": (then_close(b""), ConnectionFailedError, 3, 1),
    "reset after the head": (
        then_reset(answer(length=5000)[:80]),
        ConnectionFailedError,
        3,
        1,
    ),
    "body shorter than announced": (
        then_close(answer(length=5000)),
        ConnectionFailedError,
        3,
        1,
    ),
    "chunks cut off": (then_close(CHUNKED + b"5\r\nabc"), ConnectionFailedError, 3, 1),
    "chunk size that is no number": (then_close(CHUNKED + b"xyz\r\n"), TransportError, 3, 1),
    "never an answer": (hang, RequestTimeoutError, 3, 1),
    "head byte by byte": (dribble(answer(), 0.05), RequestTimeoutError, 3, 1),
    "not HTTP": (then_close(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), TransportError, 3, 1),
    "500": (answer(500, b"{}"), ServerError, 3, 1),
    "502": (answer(502, b"<html>", content_type="text/html"), ServerError, 3, 1),
    "503": (answer(503, b""), ServerError, 3, 1),
    "504": (answer(504, b"[]"), ServerError, 3, 1),
    "408": (answer(408, b"null"), APIStatusError, 3, 1),
    "501": (answer(501, b"{}"), ServerError, 1, 1),
    "429 with a long wait": (answer(429, b"{}", Retry_After="59"), RateLimitError, 1, 1),
    "400": (answer(400, b'{"error":{"code":"x"}}'), BadRequestError, 1, 1),
    "401": (answer(401, b"{}"), AuthenticationError, 1, 1),
    "403": (answer(403, b"{}"), PermissionDeniedError, 1, 1),
    "404": (answer(404, b"{}"), NotFoundError, 1, 1),
    "418": (answer(418, b"{}"), APIStatusError, 1, 1),
    "502 invalid_credentials": (
        answer(502, b'{"error":{"code":"invalid_credentials"}}'),
        RefreshFailedError,
        1,
        1,
    ),
    "redirect to another host": (
        answer(302, b"", Location="http://192.0.2.1/connection/user-42"),
        APIStatusError,
        1,
        1,
    ),
    "200 HTML": (answer(body=b"<html>", content_type="text/html"), DecodeError, 1, 1),
    "200 of an odd type": (answer(body=b"{}", content_type="?"), DecodeError, 1, 1),
    "200 without type, not JSON": (answer(body=b"hi", content_type=None), DecodeError, 1, 1),
    "200 empty": (answer(body=b""), DecodeError, 1, 1),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", DecodeError, 1, 1),
    "200 array": (answer(body=b"[]"), DecodeError, 1, 1),
    "200 NaN": (answer(body=BODY[:-1] + b',"metadata":{"a":NaN}}'), DecodeError, 1, 1),
    "200 lone surrogate": (answer(body=variant(provider="\ud800")), DecodeError, 1, 1),
    "200 UTF-16": (answer(body=BODY.decode().encode("utf-16")), DecodeError, 1, 1),
    "200 broken UTF-8": (answer(body=b'{"id":"\xff"}'), DecodeError, 1, 1),
    "200 deep": (answer(body=nested(100_000)), DecodeError, 1, 1),
    "200 another connection": (answer(body=variant(connection_id="other")), DecodeError, 1, 1),
    "200 no gzip": (answer(Content_Encoding="gzip"), DecodeError, 1, 1),
    "404 no gzip": (answer(404, b"x", Content_Encoding="gzip"), NotFoundError, 1, 1),
    "50 MB announced": (
        flood(answer(length=50 << 20), b" " * 65536, 800),
        ResponseTooLargeError,
        1,
        1,
    ),
    "50 MB in chunks": (
        flood(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n", 800),
        ResponseTooLargeError,
        1,
        1,
    ),
    "302 of 50 MB": (
        flood(answer(302, length=50 << 20), b" " * 65536, 800),
        APIStatusError,
        1,
        1,
    ),
    "404 of 50 MB": (
        flood(answer(404, length=50 << 20), b" " * 65536, 800),
        NotFoundError,
        1,
        1,
    ),
}


@pytest.mark.parametrize("fault", MATRIX)
@pytest.mark.parametrize("forced", [False, True], ids=["ordinary", "forced"])
async def test_a_fault_gives_its_class_after_its_number_of_requests(
    fault: str, *, forced: bool
) -> None:
    """Every fault ends in its class, in time, and a forced request leaves at most once."""
    play, expected, ordinary, once = MATRIX[fault]

    async with WireServer(play) as server, client_of(server.url) as client:
        error = await outcome(client, force_refresh=forced)

    assert type(error) is expected
    assert len(server.requests) == (once if forced else ordinary)


@pytest.mark.parametrize(
    "metadata", ['{"a": "\\u0000"}', '{"a": "\\ud83d\\ude00"}', '{"a": 1e300}']
)
async def test_odd_but_legal_json_is_read(metadata: str) -> None:
    """NUL, escaped surrogate pairs and large numbers are JSON."""
    body = BODY[:-1] + b',"metadata":' + metadata.encode() + b"}"

    async with WireServer(answer(body=body)) as server, client_of(server.url) as client:
        connection = await client.get_connection(*IDS)

    assert connection.metadata == json.loads(metadata)


async def test_a_dropped_second_connection_in_the_pool_is_mended() -> None:
    """A pooled connection that the server closed between two calls costs a retry, not an error."""
    plays = (then_close(answer()), reset, answer())

    async with WireServer(*plays) as server, client_of(server.url, cache=None) as client:
        first = await outcome(client)
        second = await outcome(client)

    assert (first, second) == (None, None)


async def test_two_failures_and_an_answer_are_one_success() -> None:
    """503, 503, 200."""
    plays = (answer(503, b""), answer(503, b""), answer())

    async with WireServer(*plays) as server, client_of(server.url) as client:
        error = await outcome(client)

    assert error is None
    assert len(server.requests) == 3


async def test_a_forced_request_is_sent_again_where_the_server_asks_for_it() -> None:
    """503 with Retry-After says that nothing was done."""
    retry = RetryPolicy(max_attempts=2)
    plays = (answer(503, b"", Retry_After="0"), answer())

    async with WireServer(*plays) as server:
        async with client_of(server.url, retry=retry, timeout=TimeoutPolicy()) as client:
            await client.get_connection(*IDS, force_refresh=True)

    assert len(server.requests) == 2


async def test_a_refused_port_is_retried_and_then_found_open() -> None:
    """Refused at first, open later; a forced request too, since it never left."""
    async with WireServer(answer()) as server:
        url = server.url
    async with client_of(url) as client:
        closed = await outcome(client, force_refresh=True)

    assert type(closed) is ConnectionFailedError
    assert not closed.may_have_run
    assert closed.retryable


class NoNames(AbstractResolver):
    """A resolver that knows no name."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        self.asked += 1
        raise OSError(None, f"no address for {host}:{port}")

    async def close(self) -> None:
        pass


async def test_an_unknown_host_is_looked_up_for_every_attempt() -> None:
    """DNS failures are retried, forced or not, and say what to check."""
    resolver = NoNames()
    connector = aiohttp.TCPConnector(resolver=resolver)

    async with aiohttp.ClientSession(connector=connector) as session:
        async with client_of("https://nango.invalid", session=session) as client:
            error = await outcome(client, force_refresh=True)

    assert type(error) is ConnectionFailedError
    assert "check base_url" in str(error)
    assert resolver.asked == 3


@pytest.mark.parametrize("host", ["127.0.0.1", "another.example"])
async def test_a_certificate_that_cannot_be_verified_is_never_retried(host: str) -> None:
    """Self-signed for us, or for another host: no retry, and not retryable."""
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(tls)
    trusting = ssl.create_default_context()
    if host != "127.0.0.1":
        authority.configure_trust(trusting)
    connector = aiohttp.TCPConnector(ssl=trusting)

    async with WireServer(answer(), tls=tls) as server:
        async with aiohttp.ClientSession(connector=connector) as session:
            async with client_of(server.url, session=session) as client:
                error = await outcome(client)

    assert type(error) is ConnectionFailedError
    assert not error.retryable
    assert server.requests == []


async def test_a_verified_certificate_is_good() -> None:
    """TLS works where the authority is trusted."""
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async with WireServer(answer(), tls=tls) as server:
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with aiohttp.ClientSession(connector=connector) as session:
            async with client_of(server.url, session=session) as client:
                error = await outcome(client)

    assert error is None


async def test_a_connect_that_hangs_ends_at_its_own_limit() -> None:
    """A server whose queue is full lets nobody in: retried even when forced, since nothing left."""
    import socket

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        limits = TimeoutPolicy(connect=0.1, attempt=0.5, total=1.0)
        async with client_of(f"http://127.0.0.1:{port}", timeout=limits) as client:
            error = await outcome(client, force_refresh=True)
        for filler in fillers:
            filler.close()

    assert type(error) is RequestTimeoutError
    assert not error.may_have_run
    assert "0.1 s" in str(error)


async def test_a_proxy_that_refuses_is_named() -> None:
    """The proxy of a borrowed session answers CONNECT with an error."""
    async with WireServer(answer(407, b"")) as proxy:
        async with aiohttp.ClientSession(proxy=proxy.url) as session:
            async with client_of("https://nango.invalid", session=session) as client:
                error = await outcome(client, force_refresh=True)

    assert type(error) is ConnectionFailedError
    assert "proxy" in str(error)
    assert proxy.requests[0].startswith(b"CONNECT ")
    assert b"canary-key" not in b"".join(proxy.requests)


# Memory is measured in a process of its own: here, making the bombs needs far more than a fetch.
BOMB_SCRIPT = """
import asyncio, sys, time
from pathlib import Path
from nango_client import NangoClient, NangoError

def peak_kb():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

async def main():
    async with NangoClient("key", base_url=sys.argv[1], cache=None) as client:
        await client.get_connection("user-42", "github")
        before, began = peak_kb(), time.perf_counter()
        for force_refresh in (False, True):
            try:
                await client.get_connection("user-42", "github", force_refresh=force_refresh)
            except NangoError as error:
                print(type(error).__name__)
        print(peak_kb() - before, time.perf_counter() - began)

asyncio.run(main())
"""
BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, 1),
    "deflate": lambda body: zlib.compress(body, 1),
    "br": lambda body: brotli.compress(body, quality=1),
    "zstd": zstd.compress,
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("encoding", BOMBS)
async def test_a_bomb_is_given_up_at_4_mib(encoding: str) -> None:
    """200 MB in a small body: an error at once, and memory grows by less than 32 MB."""
    bomb = BOMBS[encoding](b'{"a": "' + b"0" * 200_000_000 + b'"}')

    async with WireServer(answer(), answer(body=bomb, Content_Encoding=encoding)) as server:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", BOMB_SCRIPT, server.url, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await child.communicate()

    first, second, grown_kb, seconds = output.decode().split()
    assert (first, second) == ("ResponseTooLargeError", "ResponseTooLargeError")
    assert len(server.requests) == 3
    assert int(grown_kb) * 1024 < 32_000_000
    assert float(seconds) < 2


WAITS = {
    "0": 0.0,
    "1": 1.0,
    "1.5": 1.5,
    " 2 ": 2.0,
    "-1": None,
    "nan": None,
    "inf": None,
    "1e3": None,
    "soon": None,
    "": None,
    "9" * 400: 1e9,
    format_datetime(datetime(2026, 11, 24, 12, 0, 7, tzinfo=UTC), usegmt=True): 7.0,
    "Tuesday, 24-Nov-26 12:00:07 GMT": 7.0,
    "Tue Nov 24 12:00:07 2026": 7.0,
    format_datetime(datetime(2026, 11, 24, 11, 0, 0, tzinfo=UTC), usegmt=True): 0.0,
}


@pytest.mark.parametrize("form", WAITS)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_read_in_every_form(form: str, status: int) -> None:
    """Seconds, fractions and the three HTTP dates count; what is no wait counts as absent."""
    date = format_datetime(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC), usegmt=True)
    refused = answer(status, b"{}", Retry_After=form, Date=date)

    async with WireServer(refused) as server:
        async with client_of(server.url, retry=RetryPolicy(max_attempts=1)) as client:
            error = await outcome(client)

    assert isinstance(error, APIStatusError)
    assert error.retry_after == WAITS[form]


async def test_the_end_of_the_rate_limits_window_is_given() -> None:
    """X-RateLimit-Reset becomes reset_at, and retry_after where the server names no wait."""
    now = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
    reset_at = now + timedelta(seconds=40)
    refused = answer(
        429,
        b"{}",
        Date=format_datetime(now, usegmt=True),
        X_RateLimit_Reset=str(int(reset_at.timestamp())),
    )

    async with WireServer(refused) as server, client_of(server.url) as client:
        error = await outcome(client)

    assert isinstance(error, RateLimitError)
    assert error.reset_at == reset_at
    assert error.retry_after == 40.0
    assert len(server.requests) == 1


async def test_a_wait_is_never_shorter_than_asked() -> None:
    """Retry-After: 1 means at least one second."""
    plays = (answer(429, b"{}", Retry_After="1"), answer())
    loop = asyncio.get_running_loop()

    async with WireServer(*plays) as server:
        async with client_of(server.url, timeout=TimeoutPolicy()) as client:
            began = loop.time()
            await client.get_connection(*IDS)
            waited = loop.time() - began

    assert waited >= 1.0


@pytest.mark.parametrize("identity", ["connection_id", "provider_config_key"])
async def test_an_answer_about_something_else_names_the_field(identity: str) -> None:
    """A confused proxy's answer is refused and not cached."""
    body = variant(**{identity: "other"})

    async with WireServer(answer(body=body)) as server, client_of(server.url) as client:
        error = await outcome(client)
        entries = client.cache_info().entries

    assert isinstance(error, DecodeError)
    assert error.path == identity
    assert entries == 0
